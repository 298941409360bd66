#include "storage/cluster_store.hpp"
#include "storage/memory/cluster_store.hpp"
#include "storage/sql/cluster_store.hpp"
#include "tests/support/test_database.hpp"

#include <atomic>
#include <chrono>
#include <random>
#include <thread>

#include <gtest/gtest.h>

namespace tiketi::cluster {
namespace {

class sql_cluster {
public:
  std::unique_ptr<cluster_store> connect() { return sql::make_cluster_store(stored.open()); }

  test::test_database stored{"cluster"};
};

join_request request_of(const std::string& node, std::uint8_t boot) {
  join_request out;
  out.node = node;
  out.boot.bytes[0] = boot;
  out.boot.bytes[15] = static_cast<std::uint8_t>(node.back());
  out.address = "10.0.0.1:4710";
  out.roles = {"queue", "ticket"};
  out.runs = {"1.4.0", 3};
  return out;
}

node_key joined(cluster_store& store, const std::string& node, std::uint8_t boot = 1) {
  const auto out = store.join(request_of(node, boot));
  EXPECT_TRUE(out && out->what == join_answer::outcome::joined) << node;
  return {node, out ? out->incarnation : 0};
}

TEST(cluster_store_test, a_member_is_what_it_said) {
  sql_cluster all;
  auto store = all.connect();
  EXPECT_EQ(store->view()->epoch, 0u);
  EXPECT_TRUE(store->view()->members.empty());
  auto request = request_of("a", 1);
  request.weight = 3;
  request.lease = milliseconds{4500};
  const auto out = store->join(request);
  ASSERT_TRUE(out);
  EXPECT_EQ(out->incarnation, 1u);
  EXPECT_EQ(out->cluster, to_string(request.boot));
  const auto view = store->view();
  EXPECT_EQ(view->epoch, 1u);
  ASSERT_EQ(view->members.size(), 1u);
  const auto& row = view->members[0];
  EXPECT_EQ(row.key, (node_key{"a", 1}));
  EXPECT_EQ(row.address, "10.0.0.1:4710");
  EXPECT_EQ(row.roles, (std::vector<std::string>{"queue", "ticket"}));
  EXPECT_EQ(row.weight, 3u);
  EXPECT_EQ(row.runs.version, "1.4.0");
  EXPECT_EQ(row.runs.protocol, 3u);
  EXPECT_EQ(row.lease, milliseconds{4500});
  EXPECT_FALSE(row.draining);
  // The database's clock, which is this machine's.
  const auto now = std::chrono::system_clock::now();
  EXPECT_LT(std::chrono::abs(now - row.renewed_at), seconds{60});
  EXPECT_LT(std::chrono::abs(now - out->database_now), seconds{60});
  const auto clock = store->clock();
  ASSERT_TRUE(clock);
  EXPECT_GE(*clock, row.renewed_at);
  EXPECT_LT(std::chrono::abs(now - *clock), seconds{60});
}

TEST(cluster_store_test, with_a_lease_the_sessions_of_its_node_end) {
  sql_cluster all;
  if (all.stored.kind() != sql::dialect::postgresql)
    return; // files have no sessions
  auto store = all.connect();
  const auto lost = joined(*store, "b");
  joined(*store, "a");
  const auto session_of = [&](const std::string& node, std::uint8_t boot = 1) {
    auto options = all.stored.options();
    options.server.application = sql::fenced_session("cluster", request_of(node, boot).boot);
    return *sql::database::open(options);
  };
  auto theirs = session_of("b");
  auto ours = session_of("a");
  auto next = session_of("b", 2);
  const auto lives = [](sql::database& db) {
    try {
      int one = 0;
      db.session() << "SELECT 1", soci::into(one);
      return one == 1;
    } catch (const soci::soci_error&) {
      return false;
    }
  };
  // Renewed since it was seen: nothing ends.
  ASSERT_TRUE(store->end_leases(std::vector<seen_lease>{{lost, 77}}));
  EXPECT_TRUE(lives(theirs));
  theirs.session() << "BEGIN";
  theirs.session() << "CREATE TABLE late (a INTEGER)";
  const auto view = store->view();
  const auto renewals =
      std::find_if(view->members.begin(), view->members.end(), [&](const auto& m) {
        return m.key == lost;
      })->renewals;
  const auto after = store->end_leases(std::vector<seen_lease>{{lost, renewals}});
  ASSERT_TRUE(after);
  EXPECT_EQ(after->members.size(), 1u);
  EXPECT_FALSE(lives(theirs)) << "what it had begun is undone";
  EXPECT_TRUE(lives(ours));
  EXPECT_TRUE(lives(next)) << "a process that waits for the name";
}

TEST(cluster_store_test, a_repeated_join_is_the_same_one_and_a_second_process_waits) {
  sql_cluster all;
  auto store = all.connect();
  const auto key = joined(*store, "a");
  EXPECT_EQ(joined(*store, "a"), key);
  EXPECT_EQ(store->view()->epoch, 1u);
  const auto second = store->join(request_of("a", 2));
  ASSERT_TRUE(second);
  EXPECT_EQ(second->what, join_answer::outcome::name_taken);
  ASSERT_TRUE(store->leave(key));
  EXPECT_EQ(joined(*store, "a", 2).incarnation, 2u);
  EXPECT_FALSE(store->renew(key)->alive) << "the process before";
}

TEST(cluster_store_test, who_does_not_fit_stays_outside) {
  sql_cluster all;
  auto store = all.connect();
  joined(*store, "a");
  auto far = request_of("b", 1);
  far.runs.version = "1.6.0";
  const auto out = store->join(far);
  ASSERT_TRUE(out);
  EXPECT_EQ(out->what, join_answer::outcome::incompatible);
  EXPECT_EQ(out->text, "this node runs version 1.6.0, node a runs 1.4.0: one minor release apart "
                       "is allowed, so update in steps");
  EXPECT_EQ(store->view()->members.size(), 1u);
  EXPECT_EQ(store->view()->epoch, 1u);
  far.runs.version = "1.5.0";
  EXPECT_EQ(store->join(far)->what, join_answer::outcome::joined);
  for (const auto& bad : {request_of("A", 1), request_of("a b", 1), request_of("a'--", 1)})
    EXPECT_EQ(store->join(bad).error().code, errc::invalid_request) << bad.node;
}

TEST(cluster_store_test, only_a_lease_that_was_not_renewed_ends) {
  sql_cluster all;
  auto store = all.connect();
  const auto a = joined(*store, "a");
  const auto b = joined(*store, "b");
  const auto seen = store->renew(b)->view;
  EXPECT_EQ(seen.epoch, 2u) << "renewals do not count";
  ASSERT_TRUE(store->renew(b)->alive);
  const std::vector<seen_lease> old{{b, seen.find("b")->renewals}};
  EXPECT_EQ(store->end_leases(old)->epoch, 2u);
  EXPECT_TRUE(store->renew(b)->alive);
  const std::vector<seen_lease> current{
      {b, store->view()->find("b")->renewals}, {{"a", 9}, 0}, {{"nobody", 1}, 0}};
  const auto after = store->end_leases(current);
  EXPECT_EQ(after->epoch, 3u);
  EXPECT_EQ(after->members.size(), 1u);
  EXPECT_FALSE(store->renew(b)->alive);
  EXPECT_EQ(store->end_leases(current)->epoch, 3u) << "nothing is left to end";
  EXPECT_TRUE(store->renew(a)->alive);
}

TEST(cluster_store_test, the_epoch_grows_with_drain_and_weight_and_only_with_a_change) {
  sql_cluster all;
  auto store = all.connect();
  joined(*store, "a");
  EXPECT_TRUE(*store->set_draining("a", true));
  EXPECT_EQ(store->view()->epoch, 2u);
  EXPECT_TRUE(*store->set_draining("a", true));
  EXPECT_EQ(store->view()->epoch, 2u);
  EXPECT_TRUE(store->view()->members[0].draining);
  EXPECT_TRUE(*store->set_weight("a", 16));
  EXPECT_EQ(store->view()->epoch, 3u);
  EXPECT_FALSE(*store->set_draining("b", true));
  EXPECT_FALSE(*store->set_weight("b", 1));
  EXPECT_FALSE(store->set_weight("a", weight_max + 1));
  EXPECT_EQ(store->view()->epoch, 3u);
}

TEST(cluster_store_test, a_shard_has_one_owner_until_he_gives_it_up_or_is_gone) {
  sql_cluster all;
  auto store = all.connect();
  const auto a = joined(*store, "a");
  const auto b = joined(*store, "b");
  const std::vector<shard_id> two{7, 3};
  const auto first = store->acquire("ticket", two, a);
  ASSERT_TRUE(first);
  EXPECT_EQ(*first, (std::vector<shard_lease>{{7, a, 1}, {3, a, 1}}));
  EXPECT_EQ(*store->acquire("ticket", two, a), *first) << "repeated";
  EXPECT_EQ(*store->acquire("ticket", two, b), *first) << "they are taken";
  EXPECT_EQ((*store->acquire("queue", std::vector<shard_id>{7}, b))[0].owner, b);
  // With an old epoch, by somebody else, to a stranger, to nobody.
  const auto give = [&](std::uint64_t epoch, const node_key& by, const node_key& to) {
    ASSERT_TRUE(store->release("ticket", std::vector<shard_release>{{7, epoch, to}}, by));
  };
  give(2, a, b);
  give(1, b, b);
  EXPECT_EQ(*store->acquire("ticket", two, a), *first);
  give(1, a, b);
  EXPECT_EQ((*store->shards("ticket"))[1], (shard_lease{7, b, 2})) << "handed over";
  give(1, a, a);
  EXPECT_EQ((*store->shards("ticket"))[1], (shard_lease{7, b, 2})) << "no longer his to give";
  give(2, b, {"stranger", 1});
  EXPECT_EQ((*store->shards("ticket"))[1], (shard_lease{7, {}, 2}));
  EXPECT_EQ((*store->acquire("ticket", two, a))[0], (shard_lease{7, a, 3}));
  EXPECT_EQ(store->owned("ticket", a)->size(), 2u);
  EXPECT_TRUE(store->owned("ticket", b)->empty());
  ASSERT_TRUE(store->leave(a));
  EXPECT_EQ((*store->acquire("ticket", two, b))[0], (shard_lease{7, b, 4}));
  EXPECT_EQ((*store->acquire("ticket", two, a))[0].owner, b) << "a is no member";
  EXPECT_EQ((*store->acquire("ticket", std::vector<shard_id>{9}, a))[0].owner, node_key{});
}

TEST(cluster_store_test, all_implementations_agree_after_any_calls) {
  std::mt19937_64 chance{11};
  sql_cluster all;
  auto sql = all.connect();
  auto database = std::make_shared<memory::cluster_database>([] { return time_point{}; });
  auto model = memory::make_cluster_store(database, "all");
  std::vector<node_key> keys{{"a", 1}, {"b", 1}, {"c", 1}};
  const auto same_view = [](const cluster_view& x, const cluster_view& y) {
    ASSERT_EQ(x.epoch, y.epoch);
    ASSERT_EQ(x.members.size(), y.members.size());
    for (std::size_t i = 0; i < x.members.size(); ++i) {
      ASSERT_EQ(x.members[i].key, y.members[i].key);
      ASSERT_EQ(x.members[i].renewals, y.members[i].renewals);
      ASSERT_EQ(x.members[i].draining, y.members[i].draining);
      ASSERT_EQ(x.members[i].weight, y.members[i].weight);
    }
  };
  std::size_t joins = 0;
  std::size_t taken = 0;
  for (int round = 0; round < 500; ++round) {
    auto& key = keys[chance() % keys.size()];
    auto some = keys[chance() % keys.size()];
    if (chance() % 6 == 0)
      ++some.incarnation;
    switch (chance() % 9) {
    case 0:
    case 1: {
      const auto request = request_of(key.node, static_cast<std::uint8_t>(1 + chance() % 3));
      const auto x = sql->join(request);
      const auto y = model->join(request);
      ASSERT_TRUE(x && y);
      ASSERT_EQ(x->what, y->what);
      ASSERT_EQ(x->incarnation, y->incarnation);
      same_view(x->view, y->view);
      if (x->what == join_answer::outcome::joined) {
        key.incarnation = x->incarnation;
        ++joins;
      }
      break;
    }
    case 2: {
      const auto x = sql->renew(some);
      const auto y = model->renew(some);
      ASSERT_TRUE(x && y);
      ASSERT_EQ(x->alive, y->alive);
      same_view(x->view, y->view);
      break;
    }
    case 3: {
      auto renewals = chance() % 3;
      if (const auto view = model->view(); const auto* row = view->find(some.node))
        renewals = chance() % 3 == 0 ? row->renewals + 1 : row->renewals;
      if (chance() % 2 == 0)
        break;
      const std::vector<seen_lease> seen{{some, renewals}};
      same_view(*sql->end_leases(seen), *model->end_leases(seen));
      break;
    }
    case 4:
      if (chance() % 3 == 0) {
        ASSERT_TRUE(sql->leave(some));
        ASSERT_TRUE(model->leave(some));
      } else {
        const bool on = chance() % 2 == 0;
        ASSERT_EQ(*sql->set_draining(some.node, on), *model->set_draining(some.node, on));
        const auto weight = static_cast<std::uint32_t>(chance() % 4);
        ASSERT_EQ(*sql->set_weight(some.node, weight), *model->set_weight(some.node, weight));
      }
      break;
    case 5:
    case 6: {
      const std::vector<shard_id> wanted{static_cast<shard_id>(chance() % 3),
                                         static_cast<shard_id>(3 + chance() % 3)};
      const auto x = sql->acquire("ticket", wanted, some);
      ASSERT_EQ(*x, *model->acquire("ticket", wanted, some));
      taken += (*x)[0].owner == some ? 1 : 0;
      break;
    }
    default: {
      const std::vector<shard_release> given{
          {static_cast<shard_id>(chance() % 6), 1 + chance() % 8, keys[chance() % keys.size()]}};
      ASSERT_TRUE(sql->release("ticket", given, some));
      ASSERT_TRUE(model->release("ticket", given, some));
      break;
    }
    }
    ASSERT_EQ(*sql->shards("ticket"), *model->shards("ticket")) << "round " << round;
    const auto x = sql->owned("ticket", key);
    const auto y = model->owned("ticket", key);
    ASSERT_EQ(x->size(), y->size());
    for (std::size_t i = 0; i < x->size(); ++i)
      ASSERT_EQ((*x)[i].epoch, (*y)[i].epoch);
  }
  same_view(*sql->view(), *model->view());
  EXPECT_GT(joins, 20u);
  EXPECT_GT(taken, 20u);
}

// Several connections at once: every shard's owner changes hands by compare-and-set, so whoever is
// told that a shard is his under an epoch is the only one who is told so.
TEST(cluster_store_test, connections_at_once_never_get_the_same_lease) {
  sql_cluster all;
  constexpr int count = 3;
  std::vector<std::unique_ptr<cluster_store>> stores;
  std::vector<node_key> keys;
  for (int i = 0; i < count; ++i) {
    stores.push_back(all.connect());
    keys.push_back(joined(*stores.back(), std::string(1, static_cast<char>('a' + i))));
  }
  constexpr std::size_t epochs = 4000;
  std::vector<std::atomic<int>> owners(4 * epochs);
  std::atomic<int> twice{0};
  std::atomic<int> failed{0};
  std::atomic<int> got{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i)
    threads.emplace_back([&, i] {
      auto& store = *stores[static_cast<std::size_t>(i)];
      const auto& self = keys[static_cast<std::size_t>(i)];
      const std::vector<shard_id> wanted{0, 1, 2, 3};
      // All of them go on until enough has changed hands, so whoever is given a shard is there.
      for (int round = 0; got < 60 && round < 10'000; ++round) {
        const auto leases = store.acquire("ticket", wanted, self);
        if (!leases) {
          ++failed;
          continue;
        }
        std::vector<shard_release> back;
        for (const auto& lease : *leases)
          if (lease.owner == self && lease.epoch < epochs) {
            int nobody = 0;
            auto& owner = owners[lease.shard * epochs + lease.epoch];
            if (!owner.compare_exchange_strong(nobody, i + 1) && nobody != i + 1)
              ++twice;
            ++got;
            // Now and then to a certain one.
            back.push_back(
                {lease.shard, lease.epoch,
                 round % 8 == 0 ? keys[static_cast<std::size_t>(i + 1) % 3] : node_key{}});
          }
        if (!back.empty() && !store.release("ticket", back, self))
          ++failed;
        if (!store.renew(self))
          ++failed;
      }
    });
  for (auto& thread : threads)
    thread.join();
  EXPECT_EQ(twice, 0);
  EXPECT_EQ(failed, 0);
  EXPECT_GT(got, 40);
}

} // namespace
} // namespace tiketi::cluster
