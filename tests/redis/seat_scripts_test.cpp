#include "tests/redis/client_fixture.hpp"
#include "tests/redis/seed.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

namespace tiketi::test {
namespace {

using integers = std::vector<std::int64_t>;

/// Of the reservation `a1` and of `a2`: `a`.
char user_of(const std::string& reservation) {
  return reservation.empty() ? '\0' : reservation.front();
}

/// What lua/seat_*.lua promise, in C++.
class seat_model {
public:
  struct wish {
    int seat = 0;
    std::int64_t floor = 0;
  };

  integers acquire(const std::string& who, std::int64_t now, std::int64_t life,
                   const std::vector<wish>& seats) {
    integers busy{0};
    integers out{1};
    for (std::size_t i = 0; i < seats.size(); ++i) {
      const auto& known = seats_[seats[i].seat];
      if (known.token > seats[i].floor && known.until > now
          && user_of(known.holder) != user_of(who))
        busy.push_back(static_cast<std::int64_t>(i + 1));
      out.push_back(std::max(known.token, seats[i].floor) + 1);
    }
    if (busy.size() > 1)
      return busy;
    for (std::size_t i = 0; i < seats.size(); ++i)
      seats_[seats[i].seat] = {out[i + 1], now + life, who};
    return out;
  }

  std::int64_t release(const std::string& who, const std::vector<wish>& seats) {
    std::int64_t dropped = 0;
    for (const auto& [seat, token] : seats) {
      auto& known = seats_[seat];
      if (known.token < token)
        known = {token, 0, ""};
      else if (known.token == token && known.holder == who) {
        known = {token, 0, ""};
        ++dropped;
      }
    }
    return dropped;
  }

  integers verify(const std::string& who, const std::vector<wish>& seats) const {
    integers out;
    for (const auto& [seat, token] : seats) {
      const auto found = seats_.find(seat);
      const auto known = found == seats_.end() ? row{} : found->second;
      if (known.token > token)
        out.push_back(0);
      else if (known.token < token || token == 0)
        out.push_back(-1);
      else
        out.push_back(known.holder == who ? 1 : 0);
    }
    return out;
  }

  void forget() { seats_.clear(); }
  std::int64_t token(int seat) const {
    const auto found = seats_.find(seat);
    return found == seats_.end() ? 0 : found->second.token;
  }

private:
  struct row {
    std::int64_t token = 0;
    std::int64_t until = 0;
    std::string holder;
  };
  std::map<int, row> seats_;
};

class seat_scripts_test : public redis_test {
protected:
  static integers numbers(const redis::outcome& out) {
    EXPECT_TRUE(out.ok()) << out.text;
    integers all;
    for (const auto& item : out.value.items)
      all.push_back(item.integer);
    return all;
  }

  static std::vector<std::string> keys(const std::vector<seat_model::wish>& seats) {
    std::vector<std::string> out;
    for (const auto& s : seats)
      out.push_back(fmt::format("{{event}}:seat:{}", s.seat));
    return out;
  }

  integers acquire(const std::string& who, std::int64_t now,
                   const std::vector<seat_model::wish>& seats) {
    const auto all = acquire_many(now, {{who, seats}});
    return all.empty() ? integers{} : all[0];
  }

  using request = std::pair<std::string, std::vector<seat_model::wish>>;

  std::vector<integers> acquire_many(std::int64_t now, const std::vector<request>& requests) {
    std::vector<std::string> names;
    std::vector<std::string> arguments{std::to_string(now), std::to_string(life), "600000"};
    for (const auto& [who, seats] : requests) {
      for (auto& key : keys(seats))
        names.push_back(std::move(key));
      arguments.insert(arguments.end(),
                       {who, std::string(1, user_of(who)), std::to_string(seats.size())});
      for (const auto& s : seats)
        arguments.push_back(std::to_string(s.floor));
    }
    const auto out = run(*client, script(redis::find_script("seat_acquire"), names, arguments));
    EXPECT_TRUE(out.ok()) << out.text;
    std::vector<integers> all;
    for (const auto& list : out.value.items) {
      auto& one = all.emplace_back();
      for (const auto& item : list.items)
        one.push_back(item.integer);
    }
    return all;
  }

  std::int64_t release(const std::string& who, const std::vector<seat_model::wish>& seats) {
    std::vector<std::string> arguments{who, "600000"};
    for (const auto& s : seats)
      arguments.push_back(std::to_string(s.floor));
    return run(*client, script(redis::find_script("seat_release"), keys(seats), arguments))
        .value.integer;
  }

  integers verify(const std::string& who, const std::vector<seat_model::wish>& seats) {
    std::vector<std::string> arguments{who};
    for (const auto& s : seats)
      arguments.push_back(std::to_string(s.floor));
    return numbers(run(*client, script(redis::find_script("seat_verify"), keys(seats), arguments)));
  }

  static constexpr std::int64_t life = 500;
  std::shared_ptr<redis::client> client = connect(options());
};

TEST_F(seat_scripts_test, all_seats_or_none) {
  EXPECT_EQ(acquire("a", 1000, {{1, 0}, {2, 41}}), (integers{1, 1, 42}));
  EXPECT_EQ(acquire("b", 1200, {{3, 0}, {1, 0}}), (integers{0, 2}));
  EXPECT_EQ(server.command({"EXISTS", "{event}:seat:3"}), "0");
  EXPECT_EQ(acquire("b", 1500, {{3, 0}, {1, 0}}), (integers{1, 1, 2})); // the lock has ended
}

TEST_F(seat_scripts_test, what_is_left_of_ones_own_attempt_is_not_in_the_way) {
  EXPECT_EQ(acquire("a1", 1000, {{1, 0}, {2, 0}}), (integers{1, 1, 1}));
  EXPECT_EQ(acquire("a2", 1001, {{1, 0}}), (integers{1, 2}));
  EXPECT_EQ(release("a1", {{1, 1}, {2, 1}}), 1) << "the later attempt keeps its lock";
  EXPECT_EQ(acquire("b1", 1002, {{1, 0}}), (integers{0, 1}));
}

TEST_F(seat_scripts_test, many_at_once_are_as_one_by_one) {
  EXPECT_EQ(
      acquire_many(
          1000,
          {{"a", {{1, 0}, {2, 41}}}, {"b", {{3, 0}, {2, 0}}}, {"c", {{3, 7}}}, {"a", {{2, 0}}}}),
      (std::vector<integers>{{1, 1, 42}, {0, 2}, {1, 8}, {1, 43}}));
  EXPECT_EQ(verify("c", {{3, 8}}), (integers{1}));
  EXPECT_EQ(acquire_many(1000, {}), std::vector<integers>{});
}

TEST_F(seat_scripts_test, a_lock_that_the_database_has_seen_the_end_of_is_no_lock) {
  EXPECT_EQ(acquire("a", 1000, {{1, 0}}), (integers{1, 1}));
  EXPECT_EQ(acquire("b", 1001, {{1, 0}}), (integers{0, 1}));
  EXPECT_EQ(acquire("b", 1001, {{1, 1}}), (integers{1, 2}));
  EXPECT_EQ(release("a", {{1, 1}}), 0); // b's now
  EXPECT_EQ(verify("b", {{1, 2}}), (integers{1}));
}

TEST_F(seat_scripts_test, a_redis_that_lost_its_data_goes_on_from_the_floor) {
  EXPECT_EQ(acquire("a", 1000, {{1, 9}}), (integers{1, 10}));
  server.restart_empty();
  ASSERT_TRUE(await_ready(*client, 1));
  EXPECT_EQ(verify("a", {{1, 10}}), (integers{-1}));
  EXPECT_EQ(acquire("b", 1001, {{1, 10}}), (integers{1, 11}));
}

TEST_F(seat_scripts_test, a_redis_that_kept_its_data_goes_on_from_there) {
  EXPECT_EQ(acquire("a", 1000, {{1, 9}}), (integers{1, 10}));
  server.restart_with_data();
  ASSERT_TRUE(await_ready(*client, 1));
  EXPECT_EQ(acquire("b", 5000, {{1, 0}}), (integers{1, 11}));
}

TEST_F(seat_scripts_test, something_else_under_the_key_is_overwritten) {
  server.command({"HSET", "{event}:seat:1", "a", "b"});
  server.command({"SET", "{event}:seat:2", "nonsense"});
  EXPECT_EQ(acquire("a", 1000, {{1, 3}, {2, 4}}), (integers{1, 4, 5}));
}

TEST_F(seat_scripts_test, large_tokens_stay_exact) {
  const std::int64_t large = (std::int64_t{1} << 53) - 10;
  EXPECT_EQ(acquire("a", 1'771'754'400'000, {{1, large}}), (integers{1, large + 1}));
  EXPECT_EQ(acquire("a", 1'771'754'400'000, {{1, 0}}), (integers{1, large + 2}));
}

TEST_F(seat_scripts_test, nothing_changes_without_room) {
  EXPECT_EQ(acquire("a", 1000, {{1, 0}}), (integers{1, 1}));
  server.command({"CONFIG", "SET", "maxmemory", "1"});
  const auto out =
      run(*client, script(redis::find_script("seat_acquire"), {"{event}:seat:1", "{event}:seat:2"},
                          {"1", "500", "1000", "a", "u", "2", "5", "5"}));
  EXPECT_EQ(out.error, redis::call_error::refused);
  EXPECT_TRUE(out.text.starts_with("OOM")) << out.text;
  EXPECT_EQ(verify("a", {{1, 1}, {2, 1}}), (integers{1, -1})); // reading goes on
}

TEST_F(seat_scripts_test, random_calls_do_what_the_model_does) {
  std::mt19937_64 chance{random_test_seed()};
  const auto below = [&](std::uint64_t n) { return static_cast<std::int64_t>(chance() % n); };
  seat_model model;
  std::map<int, std::int64_t> newest;
  std::int64_t now = 1'771'754'400'000;
  for (int step = 0; step < 4'000; ++step) {
    now += below(120);
    const auto who = fmt::format("{}{}", static_cast<char>('a' + below(4)), below(2));
    std::set<int> chosen;
    for (std::int64_t n = 1 + below(4); n > 0; --n)
      chosen.insert(static_cast<int>(below(8)));
    std::vector<seat_model::wish> seats;
    for (const int seat : chosen)
      seats.push_back({seat, std::max<std::int64_t>(0, model.token(seat) + below(4) - 2)});
    switch (below(40)) {
    case 0:
      // What comes after a loss: floors that know everything that was given.
      server.command({"FLUSHALL"});
      model.forget();
      break;
    case 1:
      server.command({"SCRIPT", "FLUSH"});
      break;
    default:
      break;
    }
    const auto kind = below(3);
    SCOPED_TRACE(fmt::format("step {} kind {} who {}", step, kind, who));
    if (kind == 0) {
      for (auto& s : seats) // the database knows what was given, or some of it
        s.floor = std::max(s.floor, newest[s.seat] - below(2) * (newest[s.seat] > 0 ? 1 : 0));
      const auto got = acquire(who, now, seats);
      ASSERT_EQ(got, model.acquire(who, now, life, seats));
      for (std::size_t i = 0; got[0] == 1 && i < seats.size(); ++i) {
        ASSERT_GT(got[i + 1], seats[i].floor);
        newest[seats[i].seat] = std::max(newest[seats[i].seat], got[i + 1]);
      }
    } else if (kind == 1) {
      ASSERT_EQ(release(who, seats), model.release(who, seats));
    } else {
      ASSERT_EQ(verify(who, seats), model.verify(who, seats));
    }
  }
}

} // namespace
} // namespace tiketi::test
