#include "tests/redis/client_fixture.hpp"
#include "tests/redis/seed.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace tiketi::test {
namespace {

using integers = std::vector<std::int64_t>;

/// What lua/queue_*.lua promise, in C++.
struct queue_model {
  std::map<std::string, std::int64_t> line;
  std::map<std::string, std::int64_t> active;
  std::int64_t threshold = 0;
  std::string revision;

  integers apply(const std::string& expected, const std::string& next,
                 const std::vector<std::array<std::string, 3>>& changes) {
    if (expected.empty())
      *this = {};
    else if (revision != expected)
      return {0};
    for (const auto& [what, a, b] : changes) {
      if (what == "J") {
        line[a] = std::stoll(b);
      } else if (what == "A") {
        line.erase(a);
        active[a] = std::stoll(b);
      } else if (what == "R") {
        if (active.contains(a))
          active[a] = std::stoll(b);
      } else if (what == "L") {
        line.erase(a);
        active.erase(a);
      } else if (what == "T") {
        threshold = std::stoll(a);
      } else if (what == "C") {
        line.clear();
        active.clear();
      }
    }
    revision = next;
    return {1, static_cast<std::int64_t>(line.size()), static_cast<std::int64_t>(active.size())};
  }

  integers check(const std::string& user, std::int64_t now, std::int64_t fallback) const {
    const auto place = line.find(user);
    std::int64_t position = 0;
    if (place != line.end())
      position =
          1 + std::count_if(line.begin(), line.end(), [&](const auto& other) {
            return std::pair{other.second, other.first} < std::pair{place->second, place->first};
          });
    const auto slot = active.find(user);
    return {
        position > 0,
        position == 0 && slot != active.end() && slot->second > now,
        position,
        static_cast<std::int64_t>(line.size()),
        std::count_if(active.begin(), active.end(), [&](const auto& s) { return s.second > now; }),
        threshold > 0 ? threshold : fallback};
  }

  std::int64_t clean(std::int64_t now, std::int64_t bound) {
    std::int64_t removed = 0;
    std::vector<std::pair<std::int64_t, std::string>> ended;
    for (const auto& [user, till] : active)
      if (till <= now)
        ended.emplace_back(till, user);
    std::sort(ended.begin(), ended.end());
    for (const auto& slot : ended)
      if (removed < bound) {
        active.erase(slot.second);
        ++removed;
      }
    return removed;
  }
};

class queue_scripts_test : public redis_test {
protected:
  static integers numbers(const redis::outcome& out) {
    EXPECT_TRUE(out.ok()) << out.text;
    integers all;
    for (const auto& item : out.value.items)
      all.push_back(item.integer);
    return all;
  }

  integers mirror(const std::string& expected, const std::string& next,
                  const std::vector<std::array<std::string, 3>>& changes) {
    std::vector<std::string> arguments{expected, next, "1000"};
    for (const auto& change : changes)
      arguments.insert(arguments.end(), change.begin(), change.end());
    return numbers(run(
        *client, script(redis::find_script("queue_mirror"),
                        {"{e}:queue", "{e}:active", "{e}:seen", "{e}:threshold", "{e}:revision"},
                        arguments)));
  }

  integers check(const std::string& user, std::int64_t now) {
    return numbers(run(*client, script(redis::find_script("queue_check"),
                                       {"{e}:queue", "{e}:active", "{e}:threshold"},
                                       {user, std::to_string(now), "1000"})));
  }

  std::int64_t clean(std::int64_t now, std::int64_t bound) {
    return run(*client, script(redis::find_script("queue_cleanup"), {"{e}:active"},
                               {std::to_string(now), std::to_string(bound)}))
        .value.integer;
  }

  std::shared_ptr<redis::client> client = connect(options());
};

TEST_F(queue_scripts_test, a_copy_that_missed_something_is_left_alone) {
  EXPECT_EQ(mirror("", "a1", {{"J", "u1", "1"}, {"J", "u2", "2"}, {"A", "u3", "5000"}}),
            (integers{1, 2, 1}));
  EXPECT_EQ(mirror("a0", "a2", {{"L", "u1", "-"}}), (integers{0}));
  EXPECT_EQ(check("u2", 1000), (integers{1, 0, 2, 2, 1, 1000}));
  EXPECT_EQ(mirror("a1", "a2", {{"A", "u1", "6000"}, {"T", "7", "-"}}), (integers{1, 1, 2}));
  EXPECT_EQ(check("u1", 1000), (integers{0, 1, 0, 1, 2, 7}));
  server.restart_empty();
  ASSERT_TRUE(await_ready(*client, 1));
  EXPECT_EQ(mirror("a2", "a3", {{"L", "u1", "-"}}), (integers{0}));
}

TEST_F(queue_scripts_test, only_those_in_line_are_seen) {
  mirror("", "1", {{"J", "u1", "1"}, {"J", "u2", "2"}, {"J", "u3", "3"}});
  mirror("1", "2", {{"A", "u1", "5000"}, {"L", "u2", "-"}});
  EXPECT_EQ(server.command({"ZRANGE", "{e}:seen", "0", "-1", "WITHSCORES"}), "u3 1000");
}

TEST_F(queue_scripts_test, random_changes_do_what_the_model_does) {
  std::mt19937_64 chance{random_test_seed()};
  const auto below = [&](std::uint64_t n) { return static_cast<std::int64_t>(chance() % n); };
  const auto user = [&] { return fmt::format("u{}", below(30)); };
  queue_model model;
  std::int64_t now = 1'771'754'400'000;
  std::int64_t revision = 0;
  std::int64_t place = 0;
  for (int step = 0; step < 2'500; ++step) {
    SCOPED_TRACE(fmt::format("step {}", step));
    now += below(50);
    if (below(100) == 0) {
      server.command({"FLUSHALL"});
      model = {};
    }
    std::vector<std::array<std::string, 3>> changes;
    for (std::int64_t n = below(6); n > 0; --n)
      switch (below(9)) {
      case 0:
        changes.push_back({"R", user(), std::to_string(now + below(900))});
        break;
      case 1:
        changes.push_back({"L", user(), "-"});
        break;
      case 2:
        changes.push_back({"T", std::to_string(below(3)), "-"});
        break;
      case 3:
        if (below(20) == 0)
          changes.push_back({"C", "-", "-"});
        break;
      case 4:
      case 5:
        changes.push_back({"A", user(), std::to_string(now + below(900))});
        break;
      default:
        changes.push_back({"J", user(), std::to_string(++place)});
      }
    std::string expected = std::to_string(revision);
    if (below(15) == 0)
      expected = below(2) == 0 ? "" : "other";
    const auto next = std::to_string(++revision);
    const auto got = mirror(expected, next, changes);
    ASSERT_EQ(got, model.apply(expected, next, changes));
    if (got[0] == 0)
      --revision;
    const auto who = user();
    ASSERT_EQ(check(who, now), model.check(who, now, 1000));
    if (below(10) == 0) {
      const auto bound = 1 + below(4);
      ASSERT_EQ(clean(now, bound), model.clean(now, bound));
    }
  }
}

/// What lua/rate_report.lua promises.
TEST_F(queue_scripts_test, reports_of_requests_add_up_and_old_slices_go) {
  std::mt19937_64 chance{random_test_seed()};
  const auto below = [&](std::uint64_t n) { return static_cast<std::int64_t>(chance() % n); };
  std::map<std::int64_t, std::int64_t> model;
  std::int64_t slice = 354'350'880;
  constexpr std::int64_t slices = 12;
  for (int step = 0; step < 1'000; ++step) {
    slice += below(30) == 0 ? below(15) : below(2);
    std::vector<std::string> arguments{std::to_string(slice), std::to_string(slices), "60000"};
    for (std::int64_t n = below(3); n > 0; --n) {
      const auto at = slice - below(slices);
      const auto count = 1 + below(5);
      model[at] += count;
      arguments.push_back(std::to_string(at));
      arguments.push_back(std::to_string(count));
    }
    std::erase_if(model, [&](const auto& entry) { return entry.first <= slice - slices; });
    const auto flat = numbers(
        run(*client, script(redis::find_script("rate_report"), {"rate:queue:{c}"}, arguments)));
    std::map<std::int64_t, std::int64_t> got;
    for (std::size_t i = 0; i + 1 < flat.size(); i += 2)
      got[flat[i]] = flat[i + 1];
    ASSERT_EQ(got, model) << "step " << step;
  }
}

} // namespace
} // namespace tiketi::test
