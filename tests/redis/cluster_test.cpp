#include "tests/redis/cluster_fixture.hpp"

#include <atomic>
#include <sstream>

#include <fmt/format.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

namespace tiketi::test {
namespace {

using redis::call_error;

class redis_cluster_test : public redis_cluster_calls {};

const redis::script add_one =
    redis::make_script("add_one", "return redis.call('INCR', KEYS[1]) -- of a test");
/// Says what it is told to say: no Redis can be brought to say all of it by itself.
const redis::script say = redis::make_script("say", "return redis.error_reply(ARGV[1])");

TEST_F(redis_cluster_test, calls_for_keys_of_all_slots_find_their_master) {
  auto o = options();
  o.connections = 2;
  const auto client = connect(o);
  std::vector<std::string> keys(net::redis_slots);
  std::size_t missing = keys.size();
  for (int i = 0; missing > 0; ++i) {
    const auto key = "key" + std::to_string(i);
    if (auto& place = keys[net::key_slot(key)]; place.empty()) {
      place = key;
      --missing;
    }
  }
  std::promise<void> all;
  std::atomic<std::size_t> left{keys.size()};
  std::atomic<std::size_t> failed{0};
  for (const auto& key : keys) {
    auto c = command({"SET", key, "v"}, milliseconds{15'000});
    c.route = left;
    client->start(std::move(c), [&](const redis::outcome& out) {
      failed += out.ok() ? 0 : 1;
      if (--left == 0)
        all.set_value();
    });
  }
  ASSERT_EQ(all.get_future().wait_for(patience), std::future_status::ready);
  EXPECT_EQ(failed, 0u);
  EXPECT_EQ(moved(), 0);
  for (std::size_t i = 0; i < redis_cluster::masters; ++i) {
    const auto [first, last] = redis_cluster::slots_of(i);
    EXPECT_EQ(cluster().node(i).command({"DBSIZE"}), std::to_string(last - first + 1));
  }
  EXPECT_TRUE(run(*client, command({"PING"})).ok()); // of nobody in particular
}

TEST_F(redis_cluster_test, any_node_is_a_way_in_and_needed_only_once) {
  const auto client = connect(options(redis_cluster::spare)); // has no slots itself
  cluster().node(redis_cluster::spare).pause();
  for (std::size_t i = 0; i < redis_cluster::masters; ++i)
    EXPECT_TRUE(run(*client, command({"SET", tag_in(slot_at(i)), "v"})).ok());
  cluster().node(redis_cluster::spare).resume();
  EXPECT_EQ(client->status().connections, redis_cluster::masters);
}

TEST_F(redis_cluster_test, a_slot_that_moves_loses_no_call) {
  const int slot = slot_at(1) + 7;
  const auto tag = tag_in(slot);
  constexpr int in_flight = 40;
  std::atomic<std::size_t> started{0};
  std::atomic<std::size_t> answered{0};
  std::mutex mutex;
  std::map<std::string, std::int64_t> sums; // by key, what the answers say
  std::string wrong;
  const auto client = connect(options());
  std::jthread load([&](const std::stop_token& stop) {
    for (std::size_t i = 0; !stop.stop_requested(); ++i) {
      if (started - answered >= in_flight) {
        std::this_thread::yield();
        continue;
      }
      // Old keys, which go with their slot, and new ones, which are asked for at the new place.
      const auto key = fmt::format("{}:{}", tag, i % 3 == 0 ? i % 30 : i);
      auto c =
          i % 2 == 0 ? command({"INCR", key}, milliseconds{20'000}) : script(add_one, {key}, {});
      c.deadline = milliseconds{20'000};
      ++started;
      client->start(std::move(c), [&, key](const redis::outcome& out) {
        {
          const std::lock_guard lock{mutex};
          if (out.ok())
            ++sums[key];
          else
            wrong = fmt::format("{}: {}", to_string_view(out.error), out.text);
        }
        ++answered;
      });
    }
  });
  const auto go_on = [&] {
    const auto goal = answered + 300;
    EXPECT_TRUE(until([&] { return answered >= goal; }));
  };
  const auto move = [&](std::size_t from, std::size_t to) {
    cluster().begin_move(slot, from, to);
    go_on();
    cluster().move_keys(slot, from, to);
    go_on();
    cluster().move_keys(slot, from, to);
    cluster().end_move(slot, from, to);
    go_on();
  };
  go_on();
  move(1, redis_cluster::spare); // which nobody has ever connected to
  EXPECT_GT(asked(), 0);
  EXPECT_GT(moved(), 0);
  EXPECT_TRUE(await_whole(*client, redis_cluster::masters + 1));
  // The table is new: nothing is sent the long way any more.
  const auto before = moved() + asked();
  go_on();
  EXPECT_LT(moved() + asked(), before + 2 * in_flight);
  move(redis_cluster::spare, 1);
  EXPECT_TRUE(await_whole(*client, redis_cluster::masters)); // nobody has a use for the spare
  go_on();
  load.request_stop();
  load.join();
  ASSERT_TRUE(until([&] { return answered == started; }));
  EXPECT_EQ(wrong, "");
  for (const auto& [key, sum] : sums) // and no call ran twice
    ASSERT_EQ(cluster().node(1).command({"GET", key}), std::to_string(sum)) << key;
}

TEST_F(redis_cluster_test, several_keys_of_a_slot_that_moves_are_refused) {
  const auto client = connect(options());
  const int slot = slot_at(2);
  const auto tag = tag_in(slot);
  ASSERT_TRUE(run(*client, command({"SET", tag + "a", "v"})).ok());
  cluster().begin_move(slot, 2, 0);
  const auto out = run(*client, command({"MGET", tag + "a", tag + "b"}));
  EXPECT_EQ(out.error, call_error::refused);
  EXPECT_TRUE(out.text.starts_with("TRYAGAIN")) << out.text;
  cluster().move_keys(slot, 2, 0);
  EXPECT_TRUE(run(*client, command({"GET", tag + "a"})).ok()); // asked for
  cluster().end_move(slot, 2, 0);
  EXPECT_TRUE(run(*client, command({"MGET", tag + "a", tag + "b"})).ok());
  cluster().begin_move(slot, 0, 2);
  cluster().move_keys(slot, 0, 2);
  cluster().end_move(slot, 0, 2);
  EXPECT_TRUE(run(*client, command({"MGET", tag + "a", tag + "b"})).ok());
}

/// Calls for all masters, one after the other, from a thread of its own.
class steady_load {
public:
  explicit steady_load(redis::client& client, std::vector<std::string> keys)
      : keys_(std::move(keys)),
        counts_(keys_.size()),
        thread_([this, &client](std::stop_token stop) {
          for (std::size_t i = 0; !stop.stop_requested(); ++i) {
            if (started_ - answered_ > 200) {
              std::this_thread::yield();
              continue;
            }
            redis::call c;
            c.words = {"INCR", keys_[i % keys_.size()]};
            c.deadline = milliseconds{10'000};
            c.route = i;
            ++started_;
            client.start(std::move(c), [this, n = i % keys_.size()](const redis::outcome& out) {
              ++(out.ok() ? counts_[n].good : counts_[n].bad);
              ++answered_;
            });
          }
        }) {}

  void stop() {
    thread_.request_stop();
    thread_.join();
  }

  std::size_t good(std::size_t key) const { return counts_[key].good; }
  std::size_t bad(std::size_t key) const { return counts_[key].bad; }
  std::size_t started() const { return started_; }
  std::size_t answered() const { return answered_; }

private:
  struct count {
    std::atomic<std::size_t> good{0};
    std::atomic<std::size_t> bad{0};
  };
  std::vector<std::string> keys_;
  std::vector<count> counts_;
  std::atomic<std::size_t> started_{0};
  std::atomic<std::size_t> answered_{0};
  std::jthread thread_;
};

TEST_F(redis_cluster_test, a_master_that_dies_costs_its_slots_and_comes_back) {
  auto o = options();
  o.connections = 2;
  const auto client = connect(o);
  const auto [first, last] = redis_cluster::slots_of(0); // the way in, too
  steady_load load{*client, {tag_in(slot_at(0)), tag_in(slot_at(1)), tag_in(slot_at(2))}};
  ASSERT_TRUE(until([&] { return load.good(0) > 100 && load.good(1) > 100; }));
  cluster().node(0).kill();
  ASSERT_TRUE(await_ready(*client, 4));
  EXPECT_EQ(client->status().slots_away, static_cast<std::size_t>(last - first + 1));
  EXPECT_EQ(counted("redis_slots_unreachable"), last - first + 1);
  EXPECT_EQ(counted("redis_connections_ready"), 4);
  const auto dead = command({"INCR", tag_in(first)});
  EXPECT_EQ(run(*client, dead).error, call_error::unavailable);
  const auto before = load.good(1) + load.good(2);
  EXPECT_TRUE(until([&] { return load.good(1) + load.good(2) > before + 500; }));
  cluster().restart(0);
  ASSERT_TRUE(await_whole(*client, 6));
  EXPECT_TRUE(until([&] { return run(*client, dead).ok(); })); // it waits to be let in again
  EXPECT_EQ(counted("redis_slots_unreachable"), 0);
  const auto healed = load.good(0);
  EXPECT_TRUE(until([&] { return load.good(0) > healed; }));
  load.stop();
  EXPECT_TRUE(until([&] { return load.answered() == load.started(); }));
  EXPECT_GT(load.bad(0), 0u);
  EXPECT_EQ(load.bad(1), 0u);
  EXPECT_EQ(load.bad(2), 0u);
}

TEST_F(redis_cluster_test, many_redirections_ask_for_the_table_now_and_then) {
  const auto client = connect(options());
  const auto questions = [] {
    std::size_t out = 0;
    for (std::size_t i = 0; i <= redis_cluster::spare; ++i) {
      const auto all = cluster().node(i).command({"INFO", "commandstats"});
      const std::string_view mark = "cmdstat_cluster|slots:calls=";
      if (const auto at = all.find(mark); at != std::string::npos)
        out += std::stoul(all.substr(at + mark.size()));
    }
    return out;
  };
  const auto before = questions();
  const auto begin = std::chrono::steady_clock::now();
  const auto text = "MOVED 1 " + cluster().address(2);
  std::atomic<std::size_t> refused{0};
  for (std::size_t round = 1; round <= 20; ++round) {
    for (int i = 0; i < 50; ++i)
      client->start(script(say, {"k"}, {text}),
                    [&](const redis::outcome& out) { refused += out.ok() ? 0 : 1; });
    ASSERT_TRUE(until([&] { return refused == 50 * round; }));
  }
  const auto asked_for = questions() - before;
  const auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_GE(moved(), 1'000);
  EXPECT_LE(asked_for, static_cast<std::size_t>(took / milliseconds{200}) + 2);
}

TEST_F(redis_cluster_test, all_masters_may_go_and_come_back) {
  const auto client = connect(options());
  for (std::size_t i = 0; i < redis_cluster::masters; ++i)
    cluster().node(i).kill();
  ASSERT_TRUE(await_ready(*client, 0));
  EXPECT_EQ(run(*client, command({"GET", "k"})).error, call_error::unavailable);
  for (std::size_t i = 0; i < redis_cluster::masters; ++i)
    cluster().restart(i);
  ASSERT_TRUE(await_whole(*client, redis_cluster::masters));
  for (std::size_t i = 0; i < redis_cluster::masters; ++i)
    EXPECT_TRUE(
        until([&] { return run(*client, script(add_one, {tag_in(slot_at(i))}, {})).ok(); }));
}

TEST_F(redis_cluster_test, a_slot_of_nobody_is_refused_and_seen) {
  const auto client = connect(options());
  const auto slot = std::to_string(slot_at(2) + 3);
  cluster().node(2).command({"CLUSTER", "DELSLOTS", slot});
  const auto call = command({"INCR", tag_in(slot_at(2) + 3)});
  const auto out = run(*client, call);
  EXPECT_EQ(out.error, call_error::refused);
  EXPECT_TRUE(out.text.starts_with("CLUSTERDOWN")) << out.text;
  EXPECT_TRUE(until([&] { return client->status().slots_away == 1; }));
  cluster().node(2).command({"CLUSTER", "ADDSLOTS", slot});
  EXPECT_TRUE(until([&] { return client->status().slots_away == 0; }));
  EXPECT_TRUE(run(*client, call).ok());
}

TEST_F(redis_cluster_test, redirections_that_lead_nowhere_are_refused) {
  const auto client = connect(options());
  const auto said = [&](const std::string& text) {
    return run(*client, script(say, {"k"}, {text}));
  };
  for (const std::string nonsense :
       {"MOVED x y", "MOVED 1 nonsense", "MOVED 99999 127.0.0.1:1", "MOVED 1 127.0.0.1:0",
        "MOVED 1 127.0.0.1:123456", "ASK 1 nobody", "ASK -1 127.0.0.1:1", "MOVED  ",
        "MOVED 1 a b:70"}) {
    const auto out = said(nonsense);
    EXPECT_EQ(out.error, call_error::refused) << nonsense;
    EXPECT_EQ(out.text.substr(0, 4), nonsense.substr(0, 4)) << out.text;
  }
  EXPECT_EQ(moved() + asked(), 0);
  // In a circle, however often it says so.
  const auto home = net::key_slot("k");
  std::size_t owner = 0;
  while (home > redis_cluster::slots_of(owner)[1])
    ++owner;
  EXPECT_EQ(said(fmt::format("MOVED {} {}", home, cluster().address(owner))).error,
            call_error::refused);
  EXPECT_EQ(moved(), net::redis_redirections_max + 1);
  EXPECT_EQ(said(fmt::format("ASK {} {}", home, cluster().address(owner))).error,
            call_error::refused);
  EXPECT_EQ(asked(), net::redis_redirections_max + 1);
  // Where nobody listens, more often than strangers are let in.
  int unavailable = 0;
  int refused = 0;
  for (int port = 1; port <= 20; ++port) {
    const auto out = said(fmt::format("ASK 1 127.0.0.1:{}", port));
    unavailable += out.error == call_error::unavailable ? 1 : 0;
    refused += out.error == call_error::refused ? 1 : 0;
  }
  EXPECT_EQ(unavailable, 16);
  EXPECT_EQ(refused, 4);
  EXPECT_TRUE(run(*client, command({"SET", "k", "v"})).ok());
}

TEST_F(redis_cluster_test, a_redirected_call_hears_within_its_deadline) {
  const auto client = connect(options());
  auto& other = cluster().node(redis_cluster::spare);
  other.pause(); // takes connections, and greets nobody
  const auto begin = std::chrono::steady_clock::now();
  auto c = script(say, {"k"}, {"ASK 1 " + cluster().address(redis_cluster::spare)});
  c.deadline = milliseconds{200};
  EXPECT_EQ(run(*client, c).error, call_error::timed_out);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{8});
  std::promise<redis::outcome> late;
  c.deadline = milliseconds{20'000};
  client->start(c, [&](redis::outcome out) { late.set_value(std::move(out)); });
  EXPECT_TRUE(until([&] { return asked() == 2; }));
  client->shutdown(); // with a call that waits for a connection
  EXPECT_EQ(late.get_future().get().error, call_error::unavailable);
  other.resume();
}

TEST_F(redis_cluster_test, an_end_answers_what_is_under_way) {
  const auto client = connect(options());
  cluster().node(0).pause();
  std::atomic<int> lost{0};
  for (int i = 0; i < 5; ++i)
    client->start(command({"GET", tag_in(slot_at(0))}, milliseconds{20'000}),
                  [&](const redis::outcome& out) { lost += out.error == call_error::lost; });
  client->shutdown();
  cluster().node(0).resume();
  EXPECT_EQ(lost, 5);
  EXPECT_EQ(run(*client, command({"GET", "k"})).error, call_error::unavailable);
}

TEST_F(redis_cluster_test, every_node_wants_the_password) {
  auto o = options();
  o.password = "wrong";
  const auto client = net::make_redis_client(*env, registry, o);
  EXPECT_TRUE(until([&] { return client->status().last_error.starts_with("AUTH: WRONGPASS"); }))
      << client->status().last_error;
  EXPECT_EQ(client->status().ready, 0u);
  EXPECT_EQ(client->status().slots_away, net::redis_slots);
}

/// The log as text, as long as it lives.
class log_reader {
public:
  log_reader() : before_(spdlog::default_logger()) {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)));
  }
  ~log_reader() { spdlog::set_default_logger(before_); }

  /// After the last writer has ended.
  std::size_t count(std::string_view what) const {
    const auto all = text_.str();
    std::size_t out = 0;
    for (auto at = all.find(what); at != std::string::npos; at = all.find(what, at + 1))
      ++out;
    return out;
  }

private:
  std::shared_ptr<spdlog::logger> before_;
  std::ostringstream text_;
};

TEST_F(redis_cluster_test, without_the_setting_the_log_says_what_is_missing) {
  log_reader log;
  auto o = options();
  o.cluster = false;
  {
    const auto client = net::make_redis_client(*env, registry, o);
    ASSERT_TRUE(await_ready(*client, 1));
    for (int i = 0; i < 3; ++i) {
      const auto out = run(*client, command({"SET", tag_in(slot_at(1)), "v"}));
      EXPECT_EQ(out.error, call_error::refused);
      EXPECT_TRUE(out.text.starts_with("MOVED ")) << out.text;
    }
    EXPECT_TRUE(run(*client, command({"SET", tag_in(slot_at(0)), "v"})).ok());
    EXPECT_EQ(client->status().slots_away, 0u);
  }
  EXPECT_EQ(log.count("set redis.cluster = true"), 1u);
}

TEST(redis_no_cluster_test, a_server_that_is_no_cluster_is_refused) {
  redis_server server;
  const auto env = make_system_environment();
  prometheus::Registry registry;
  net::redis_options o;
  o.port = server.port();
  o.cluster = true;
  const auto client = net::make_redis_client(*env, registry, o);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  while (client->status().last_error.empty() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  EXPECT_TRUE(client->status().last_error.starts_with("CLUSTER SLOTS: ERR"))
      << client->status().last_error;
  EXPECT_EQ(client->status().ready, 0u);
}

} // namespace
} // namespace tiketi::test
