#include "actors/base/environment.hpp"
#include "tests/webhook/store_fixture.hpp"

#include <map>
#include <random>
#include <set>
#include <tuple>

#include <gtest/gtest.h>

namespace tiketi::webhook {
namespace {

using namespace std::chrono_literals;

class webhook_store_test : public ::testing::TestWithParam<std::string> {
protected:
  webhook_written write(decltype(webhook_write::command) command) {
    std::vector<webhook_write> batch;
    batch.push_back({std::move(command), now, limits});
    return store->writes->commit(batch).at(0);
  }

  webhook_id add(std::vector<std::string> types = {"A"}, event_id event = {}, user_id by = {}) {
    webhook_row row;
    row.view.id.value = make_uuid(*env);
    row.view.url = "https://example.com/hook";
    row.view.description = "it's mine";
    row.view.types = std::move(types);
    row.view.event = event;
    row.view.created_by = by.is_nil() ? user_id{make_uuid(*env)} : by;
    row.view.created_at = now;
    row.view.updated_at = now;
    row.view.state_since = now;
    row.secret = "whsec_1";
    EXPECT_EQ(write(insert_webhook{row}).status, commit_status::committed);
    return row.view.id;
  }

  uuid event(const std::string& key, const std::string& type = "A", event_id about = {}) {
    fan_out x{make_uuid(*env), key, type, about, now, "00-trace", "body of " + key};
    last_fan_out = x;
    EXPECT_EQ(write(x).status, commit_status::committed);
    return x.event;
  }

  webhook_view view(webhook_id id) {
    for (const auto& row : store->queries->webhooks().value())
      if (row.view.id == id)
        return row.view;
    ADD_FAILURE() << "no such webhook";
    return {};
  }

  due_page due(webhook_id id, std::size_t limit = 100) {
    return store->queries->due(id, now, limit).value();
  }

  std::vector<std::string> due_keys(webhook_id id) {
    std::vector<std::string> out;
    for (const auto& h : due(id).heads)
      out.push_back(h.lane.key);
    return out;
  }

  webhook_written end(webhook_id id, const due_delivery& d, settlement what,
                      milliseconds retry = 1s) {
    verdict v;
    v.what = what;
    v.retry_at = now + retry;
    v.status = what == settlement::delivered ? 200 : 500;
    v.error = what == settlement::delivered ? "" : "status 500";
    return write(settle{id, d.lane.sequence, d.attempts + 1, v});
  }

  delivery_page list(webhook_id id, caf::optional<delivery_status> status = caf::none,
                     std::int32_t page = 1, std::int32_t limit = 100) {
    return store->queries->deliveries({id, status, page, limit}).value();
  }

  /// The counts of the webhook are those of its rows, and each lane's head is its first that waits.
  void expect_sound(webhook_id id) {
    const auto v = view(id);
    EXPECT_EQ(v.pending, list(id, delivery_status::pending).total);
    EXPECT_EQ(v.dead, list(id, delivery_status::dead).total);
    std::map<std::string, int> heads;
    std::set<std::string> keys;
    for (const auto& d : list(id, delivery_status::pending, 1, 1'000'000).deliveries) {
      keys.insert(d.key);
      if (d.next_attempt_at != time_point{})
        ++heads[d.key];
    }
    EXPECT_EQ(heads.size(), keys.size());
    for (const auto& [key, n] : heads)
      EXPECT_EQ(n, 1) << key;
  }

  std::unique_ptr<environment> env = make_seeded_environment(7, [] { return time_point{}; });
  std::unique_ptr<test::any_webhook_store> store = test::make_webhook_store(GetParam());
  time_point now = from_millis(1'771'754'400'000);
  webhook_limits limits;
  fan_out last_fan_out;
};

TEST_P(webhook_store_test, a_webhook_is_kept_whole) {
  const event_id about{make_uuid(*env)};
  const auto by = user_id{make_uuid(*env)};
  const auto id = add({"A", "B"}, about, by);
  store->restart();
  const auto rows = store->queries->webhooks().value();
  ASSERT_EQ(rows.size(), 1u);
  const auto& v = rows[0].view;
  EXPECT_EQ(v.id, id);
  EXPECT_EQ(v.url, "https://example.com/hook");
  EXPECT_EQ(v.description, "it's mine");
  EXPECT_EQ(v.types, (std::vector<std::string>{"A", "B"}));
  EXPECT_EQ(v.event, about);
  EXPECT_EQ(v.state, webhook_state::active);
  EXPECT_EQ(v.created_by, by);
  EXPECT_EQ(v.created_at, now);
  EXPECT_EQ(v.old_secret_until, time_point{});
  EXPECT_EQ(rows[0].secret, "whsec_1");
  EXPECT_EQ(rows[0].old_secret, "");
}

TEST_P(webhook_store_test, only_what_is_present_is_changed) {
  const auto id = add();
  now += 1s;
  change_webhook change;
  change.id = id;
  change.types = std::vector<std::string>{"B", "C"};
  change.active = false;
  const auto done = write(edit_webhook{change});
  ASSERT_EQ(done.status, commit_status::committed);
  EXPECT_EQ(done.hooks.at(0).view.types, (std::vector<std::string>{"B", "C"}));
  store->restart();
  auto v = view(id);
  EXPECT_EQ(v.state, webhook_state::paused);
  EXPECT_EQ(v.state_since, now);
  EXPECT_EQ(v.updated_at, now);
  EXPECT_EQ(v.url, "https://example.com/hook");
  change = {};
  change.id = id;
  change.event = event_id{make_uuid(*env)};
  change.url = std::string{"https://other.example"};
  ASSERT_EQ(write(edit_webhook{change}).status, commit_status::committed);
  EXPECT_EQ(view(id).event, *change.event);
  EXPECT_EQ(view(id).state, webhook_state::paused);
  change.event = event_id{};
  ASSERT_EQ(write(edit_webhook{change}).status, commit_status::committed);
  EXPECT_TRUE(view(id).event.is_nil());
  change.id = webhook_id{make_uuid(*env)};
  EXPECT_EQ(write(edit_webhook{change}).refused->code, errc::not_found);
}

TEST_P(webhook_store_test, there_is_a_bound_on_webhooks) {
  limits.webhooks_max = 3;
  limits.webhooks_per_organiser = 2;
  const user_id ada{make_uuid(*env)};
  add({"A"}, {}, ada);
  add({"A"}, {}, ada);
  webhook_row row;
  row.view.id.value = make_uuid(*env);
  row.view.url = "https://x.example";
  row.view.types = {"A"};
  row.view.created_by = ada;
  EXPECT_EQ(write(insert_webhook{row}).refused->code, errc::limit_exceeded);
  row.view.created_by = user_id{make_uuid(*env)};
  EXPECT_EQ(write(insert_webhook{row}).status, commit_status::committed);
  row.view.id.value = make_uuid(*env);
  row.view.created_by = user_id{make_uuid(*env)};
  EXPECT_EQ(write(insert_webhook{row}).refused->code, errc::limit_exceeded);
  EXPECT_EQ(store->queries->webhooks()->size(), 3u);
}

TEST_P(webhook_store_test, an_event_becomes_one_delivery_per_webhook_that_wants_it) {
  const event_id about{make_uuid(*env)};
  const auto all = add({"A", "B"});
  const auto some = add({"A"}, about);
  const auto none = add({"C"});
  const auto first = event("k1", "A", about);
  const auto second = event("k1", "B", about);
  const auto third = event("k2", "A");
  EXPECT_EQ(list(all).total, 3);
  EXPECT_EQ(list(some).total, 1);
  EXPECT_EQ(list(none).total, 0);
  const auto heads = due(all).heads;
  ASSERT_EQ(heads.size(), 2u);
  EXPECT_EQ(heads[0].event, first);
  EXPECT_EQ(heads[0].lane.key, "k1");
  EXPECT_EQ(heads[0].type, "A");
  EXPECT_EQ(heads[0].body, "body of k1");
  EXPECT_EQ(heads[0].trace, "00-trace");
  EXPECT_EQ(heads[0].attempts, 0);
  EXPECT_EQ(heads[0].queued_at, now);
  EXPECT_EQ(heads[1].event, third);
  now += 1ms;
  end(all, heads[0], settlement::delivered);
  EXPECT_EQ(due(all).heads.at(0).lane.key, "k2");
  EXPECT_EQ(due(all).heads.at(1).event, second) << "behind what has waited longer";
  expect_sound(all);
}

TEST_P(webhook_store_test, an_event_counts_once_whatever_is_repeated_and_crashes) {
  const auto id = add();
  event("k");
  const auto again = last_fan_out;
  for (int i = 0; i < 3; ++i) {
    store->restart();
    const auto repeated = write(again);
    EXPECT_EQ(repeated.status, commit_status::committed);
    EXPECT_TRUE(repeated.duplicate);
  }
  EXPECT_EQ(list(id).total, 1);
  EXPECT_EQ(view(id).pending, 1);
  end(id, due(id).heads.at(0), settlement::delivered);
  EXPECT_TRUE(write(again).duplicate) << "also after it was delivered";
  EXPECT_TRUE(due(id).heads.empty());
  // A webhook made later does not get it: for this role the event is over.
  const auto late = add();
  EXPECT_TRUE(write(again).duplicate);
  EXPECT_EQ(list(late).total, 0);
}

TEST_P(webhook_store_test, an_event_that_nobody_wants_leaves_no_trace) {
  const auto made = write(fan_out{make_uuid(*env), "k", "A", {}, now, "", "b"});
  EXPECT_EQ(made.status, commit_status::committed);
  EXPECT_FALSE(made.duplicate);
  EXPECT_EQ(made.rows, 0);
  const auto id = add();
  EXPECT_EQ(list(id).total, 0);
}

TEST_P(webhook_store_test, a_batch_is_one_transaction_with_its_own_outcomes) {
  const auto id = add();
  std::vector<webhook_write> batch;
  const auto fresh = [&](const std::string& key) {
    batch.push_back({fan_out{make_uuid(*env), key, "A", {}, now, "", key}, now, limits});
  };
  fresh("a");
  fresh("a");
  batch.push_back({edit_webhook{}, now, limits});
  fresh("b");
  batch.push_back(batch[0]);
  const auto out = store->writes->commit(batch);
  EXPECT_EQ(out[0].status, commit_status::committed);
  EXPECT_EQ(out[2].status, commit_status::rejected);
  EXPECT_EQ(out[3].hooks.at(0).view.pending, 3);
  EXPECT_TRUE(out[4].duplicate);
  EXPECT_EQ(due_keys(id), (std::vector<std::string>{"a", "b"}));
  expect_sound(id);
}

TEST_P(webhook_store_test, a_lane_waits_for_its_head) {
  const auto id = add();
  const auto first = event("k");
  const auto second = event("k");
  event("other");
  auto head = due(id).heads.at(0);
  EXPECT_EQ(head.event, first);
  end(id, head, settlement::retry, 5s);
  EXPECT_EQ(due_keys(id), (std::vector<std::string>{"other"}));
  EXPECT_EQ(due(id).next, now + 5s);
  store->restart();
  now += 5s;
  head = due(id).heads.at(1);
  EXPECT_EQ(head.event, first);
  EXPECT_EQ(head.attempts, 1);
  end(id, head, settlement::dead);
  const auto next = due(id).heads;
  ASSERT_EQ(next.size(), 2u);
  EXPECT_EQ(next[1].event, second) << "what follows a dead one goes on";
  EXPECT_EQ(view(id).dead, 1);
  const auto dead = list(id, delivery_status::dead).deliveries.at(0);
  EXPECT_EQ(dead.attempts, 2);
  EXPECT_EQ(dead.last_status, 500);
  EXPECT_EQ(dead.last_error, "status 500");
  EXPECT_EQ(dead.ended_at, now);
  expect_sound(id);
}

TEST_P(webhook_store_test, an_outcome_counts_once) {
  const auto id = add();
  event("k");
  event("k");
  const auto head = due(id).heads.at(0);
  EXPECT_EQ(end(id, head, settlement::delivered).hooks.size(), 1u);
  EXPECT_EQ(end(id, head, settlement::delivered).hooks.size(), 0u);
  EXPECT_EQ(end(id, head, settlement::dead).status, commit_status::committed);
  auto late = head;
  late.attempts = 5;
  end(id, late, settlement::dead);
  EXPECT_EQ(view(id).pending, 1);
  EXPECT_EQ(view(id).dead, 0);
  EXPECT_EQ(list(id, delivery_status::delivered).total, 1);
  // Of an attempt that is not the next one.
  auto second = due(id).heads.at(0);
  second.attempts = 3;
  end(id, second, settlement::dead);
  EXPECT_EQ(view(id).dead, 0);
  expect_sound(id);
}

TEST_P(webhook_store_test, a_gone_receiver_disables_and_what_waits_stays) {
  const auto id = add();
  const auto first = event("k");
  end(id, due(id).heads.at(0), settlement::gone);
  EXPECT_EQ(view(id).state, webhook_state::disabled);
  EXPECT_EQ(view(id).pending, 1);
  event("k");
  EXPECT_EQ(view(id).missed, 1);
  EXPECT_EQ(list(id).total, 1);
  change_webhook on;
  on.id = id;
  on.active = true;
  write(edit_webhook{on});
  ASSERT_EQ(due(id).heads.size(), 1u);
  EXPECT_EQ(due(id).heads[0].event, first);
  EXPECT_EQ(due(id).heads[0].attempts, 1);
}

TEST_P(webhook_store_test, a_full_webhook_is_suspended_visibly_and_the_others_go_on) {
  limits.pending_max = 3;
  const auto full = add();
  for (int i = 0; i < 3; ++i)
    event("k");
  const auto roomy = add();
  event("k");
  event("k");
  EXPECT_EQ(view(full).state, webhook_state::suspended);
  EXPECT_EQ(view(full).missed, 2);
  EXPECT_EQ(view(full).pending, 3);
  EXPECT_EQ(view(roomy).pending, 2);
  // Room does not bring it back by itself.
  while (!due(full).heads.empty())
    end(full, due(full).heads[0], settlement::delivered);
  event("k");
  EXPECT_EQ(view(full).pending, 0);
  EXPECT_EQ(view(full).missed, 3);
  change_webhook on;
  on.id = full;
  on.active = true;
  write(edit_webhook{on});
  event("k");
  EXPECT_EQ(view(full).pending, 1);
  EXPECT_EQ(view(full).missed, 0);
  expect_sound(full);
}

TEST_P(webhook_store_test, dead_letters_come_back_in_their_old_places) {
  const auto id = add();
  std::vector<uuid> events;
  for (const char* key : {"a", "b", "a", "a", "b"})
    events.push_back(event(key));
  // The first two of `a` and the first of `b` die.
  for (const std::size_t dies : {0u, 1u, 2u}) {
    for (const auto& h : due(id).heads)
      if (h.event == events[dies])
        end(id, h, settlement::dead);
  }
  ASSERT_EQ(view(id).dead, 3);
  const auto dead = list(id, delivery_status::dead).deliveries;
  ASSERT_EQ(dead.size(), 3u);
  EXPECT_EQ(dead[0].id, events[0]) << "in the order of their replay";
  now += 1min;
  const auto some = write(replay{id, false, {events[0], events[4], make_uuid(*env)}});
  EXPECT_EQ(some.rows, 1) << "others are not dead";
  EXPECT_EQ(some.hooks.at(0).view.dead, 2);
  auto rest = write(replay{id, true, {}});
  EXPECT_EQ(rest.rows, 2);
  EXPECT_EQ(write(replay{id, true, {}}).rows, 0);
  store->restart();
  std::map<std::string, std::vector<uuid>> got;
  for (auto heads = due(id).heads; !heads.empty(); heads = due(id).heads)
    for (const auto& h : heads) {
      EXPECT_EQ(h.attempts, 0);
      EXPECT_FALSE(h.body.empty());
      got[h.lane.key].push_back(h.event);
      end(id, h, settlement::delivered);
    }
  EXPECT_EQ(got["a"], (std::vector<uuid>{events[0], events[2], events[3]}));
  EXPECT_EQ(got["b"], (std::vector<uuid>{events[1], events[4]}));
  EXPECT_EQ(list(id, delivery_status::delivered).deliveries.at(4).replays, 1);
  EXPECT_EQ(write(replay{webhook_id{make_uuid(*env)}, true, {}}).refused->code, errc::not_found);
}

TEST_P(webhook_store_test, a_replay_goes_before_the_one_that_backs_off_or_is_under_way) {
  const auto id = add();
  const auto first = event("k");
  const auto second = event("k");
  end(id, due(id).heads.at(0), settlement::dead);
  const auto flying = due(id).heads.at(0);
  ASSERT_EQ(flying.event, second);
  ASSERT_EQ(write(replay{id, true, {}}).rows, 1);
  // The one under way fails: its wait is not the replayed one's.
  end(id, flying, settlement::retry, 1h);
  ASSERT_EQ(due(id).heads.size(), 1u);
  EXPECT_EQ(due(id).heads[0].event, first);
  end(id, due(id).heads[0], settlement::delivered);
  ASSERT_EQ(due(id).heads.size(), 1u);
  EXPECT_EQ(due(id).heads[0].event, second);
  end(id, due(id).heads[0], settlement::retry, 1h);
  EXPECT_TRUE(due(id).heads.empty());
  expect_sound(id);
}

TEST_P(webhook_store_test, a_replay_keeps_to_the_bounds) {
  limits.pending_max = 4;
  const auto id = add();
  for (int i = 0; i < 4; ++i) {
    event("k" + std::to_string(i));
    end(id, due(id).heads.at(0), settlement::dead);
  }
  event("x");
  event("y");
  EXPECT_EQ(write(replay{id, true, {}, 1}).rows, 1);
  EXPECT_EQ(write(replay{id, true, {}}).rows, 1) << "no room for more";
  EXPECT_EQ(write(replay{id, true, {}}).rows, 0);
  EXPECT_EQ(view(id).pending, 4);
  EXPECT_EQ(view(id).dead, 2);
  expect_sound(id);
}

TEST_P(webhook_store_test, secrets_overlap_and_the_old_one_is_removed) {
  const auto id = add();
  auto done = write(replace_secret{id, "whsec_2", now + 1h});
  EXPECT_EQ(done.hooks.at(0).secret, "whsec_2");
  EXPECT_EQ(done.hooks.at(0).old_secret, "whsec_1");
  EXPECT_EQ(done.hooks.at(0).view.old_secret_until, now + 1h);
  write(replace_secret{id, "whsec_3", now + 1h});
  store->restart();
  EXPECT_EQ(store->queries->webhooks()->at(0).old_secret, "whsec_2");
  const purge rule{now - 1h, now - 1h, now - 1h};
  EXPECT_TRUE(write(rule).hooks.empty());
  now += 1h;
  EXPECT_EQ(write(rule).hooks.at(0).old_secret, "");
  store->restart();
  EXPECT_EQ(store->queries->webhooks()->at(0).old_secret, "");
  EXPECT_EQ(store->queries->webhooks()->at(0).secret, "whsec_3");
  write(replace_secret{id, "whsec_4", now});
  EXPECT_EQ(store->queries->webhooks()->at(0).old_secret, "") << "no overlap was asked for";
}

TEST_P(webhook_store_test, what_ended_long_ago_is_removed_in_steps) {
  const auto id = add();
  for (int i = 0; i < 6; ++i) {
    event("k");
    end(id, due(id).heads.at(0), i % 2 == 0 ? settlement::delivered : settlement::dead);
  }
  event("k");
  now += 1h;
  purge rule{now - 1h, now - 2h, now - 2h};
  EXPECT_EQ(write(rule).rows, 0) << "not before";
  rule.delivered_before = now;
  rule.rows_max = 2;
  auto done = write(rule);
  EXPECT_EQ(done.rows, 2);
  EXPECT_TRUE(done.more);
  done = write(rule);
  EXPECT_EQ(done.rows, 1);
  EXPECT_FALSE(done.more);
  EXPECT_EQ(list(id, delivery_status::delivered).total, 0);
  EXPECT_EQ(view(id).dead, 3);
  rule.dead_before = now;
  write(rule);
  EXPECT_EQ(view(id).dead, 1);
  write(rule);
  EXPECT_EQ(view(id).dead, 0);
  EXPECT_EQ(view(id).pending, 1);
  rule.processed_before = now;
  rule.rows_max = 100;
  EXPECT_EQ(write(rule).rows, 7);
  expect_sound(id);
}

TEST_P(webhook_store_test, a_deleted_webhook_takes_its_deliveries_with_it) {
  const auto id = add();
  const auto other = add();
  for (int i = 0; i < 5; ++i)
    event("k" + std::to_string(i));
  const auto flying = due(id).heads.at(0);
  ASSERT_EQ(write(remove_webhook{id}).status, commit_status::committed);
  EXPECT_EQ(write(remove_webhook{id}).refused->code, errc::not_found);
  EXPECT_TRUE(due(id).heads.empty());
  EXPECT_EQ(end(id, flying, settlement::delivered).status, commit_status::committed);
  purge rule{now - 1h, now - 1h, now - 1h, 2};
  for (int i = 0; i < 5; ++i)
    write(rule);
  EXPECT_EQ(list(id).total, 0);
  EXPECT_EQ(list(other).total, 5);
  event("k");
  EXPECT_EQ(list(id).total, 0);
  expect_sound(other);
}

TEST_P(webhook_store_test, pages_of_deliveries) {
  const auto id = add();
  std::vector<uuid> events;
  for (int i = 0; i < 5; ++i)
    events.push_back(event("k"));
  const auto page = list(id, caf::none, 2, 2);
  EXPECT_EQ(page.total, 5);
  ASSERT_EQ(page.deliveries.size(), 2u);
  EXPECT_EQ(page.deliveries[0].id, events[2]) << "newest first";
  EXPECT_EQ(page.deliveries[1].id, events[1]);
  EXPECT_EQ(page.deliveries[1].next_attempt_at, time_point{});
  const auto last = list(id, delivery_status::pending, 3, 2);
  ASSERT_EQ(last.deliveries.size(), 1u);
  EXPECT_EQ(last.deliveries[0].next_attempt_at, now);
  EXPECT_TRUE(list(id, delivery_status::dead).deliveries.empty());
}

TEST_P(webhook_store_test, random_histories_keep_order_and_counts) {
  const unsigned seeds = GetParam() == "sql" ? 3 : 20;
  for (unsigned seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 chance{seed};
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(chance() % n); };
    limits.pending_max = 12;
    limits.dead_max = 6;
    const std::vector<webhook_id> hooks{add({"A"}), add({"A", "B"})};
    std::map<std::pair<webhook_id, std::string>, std::vector<std::pair<uuid, std::int64_t>>> got;
    for (int step = 0; step < 150; ++step) {
      now += milliseconds{below(2000)};
      const auto id = hooks[below(2)];
      switch (below(8)) {
      case 0:
      case 1:
      case 2:
        event(std::string(1, static_cast<char>('a' + below(3))), below(2) == 0 ? "A" : "B");
        break;
      case 3:
      case 4:
      case 5: {
        const auto heads = due(id).heads;
        if (heads.empty())
          break;
        const auto& h = heads[below(heads.size())];
        const auto what = below(10) < 6   ? settlement::delivered
                          : below(10) < 5 ? settlement::dead
                                          : settlement::retry;
        end(id, h, what, milliseconds{below(3000)});
        if (what == settlement::delivered)
          got[{id, h.lane.key}].emplace_back(h.event, h.lane.sequence);
        break;
      }
      case 6:
        if (below(3) == 0) {
          write(replay{id, true, {}, static_cast<std::int64_t>(1 + below(3))});
        } else {
          change_webhook on;
          on.id = id;
          on.active = true;
          write(edit_webhook{on});
        }
        break;
      case 7:
        if (below(4) == 0)
          store->restart();
        break;
      }
      if (step % 30 == 0)
        for (const auto h : hooks)
          expect_sound(h);
      ASSERT_FALSE(HasFailure());
    }
    for (const auto& [lane, deliveries] : got) {
      std::set<uuid> once;
      for (const auto& d : deliveries)
        EXPECT_TRUE(once.insert(d.first).second) << "delivered twice";
    }
    for (const auto h : hooks)
      write(remove_webhook{h});
  }
}

INSTANTIATE_TEST_SUITE_P(stores, webhook_store_test, ::testing::Values("sql", "memory"),
                         [](const auto& x) { return x.param; });

TEST(webhook_store_sql_test, secrets_and_bodies_do_not_outlive_their_use) {
  test::sql_webhook_database store;
  const auto env = make_system_environment();
  const auto now = env->now();
  webhook_row row;
  row.view.id.value = make_uuid(*env);
  row.view.url = "https://example.com";
  row.view.types = {"A"};
  std::vector<webhook_write> batch;
  batch.push_back({insert_webhook{row}, now, {}});
  batch.push_back({fan_out{make_uuid(*env), "k", "A", {}, now, "", "the body"}, now, {}});
  store.writes->commit(batch);
  const auto head = store.queries->due(row.view.id, now, 1)->heads.at(0);
  verdict v;
  v.what = settlement::delivered;
  batch = {};
  batch.push_back({settle{row.view.id, head.lane.sequence, 1, v}, now, {}});
  ASSERT_EQ(store.writes->commit(batch).at(0).status, commit_status::committed);
  auto db = store.open();
  std::string body = "?";
  db.session() << "SELECT body FROM webhook_deliveries", soci::into(body);
  EXPECT_EQ(body, "");
}

} // namespace
} // namespace tiketi::webhook
