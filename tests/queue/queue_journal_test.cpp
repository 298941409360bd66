#include "actors/queue/domain_events.hpp"
#include "storage/memory/queue_journal.hpp"
#include "storage/sql/queue_journal.hpp"
#include "tests/queue/seed.hpp"
#include "tests/support/test_database.hpp"

#include <algorithm>
#include <random>

namespace tiketi::queue {
namespace {

using test::nth_user;

constexpr time_point t0 = from_millis(1'771'754'400'000);

/// A journal in a file of its own.
class sql_journal {
public:
  sql_journal() {
    writes = sql::make_queue_writes(open());
    queries = sql::make_queue_queries(open());
  }

  sql::database open() { return stored.open(); }

  test::test_database stored{"queue"};
  std::shared_ptr<queue_writes> writes;
  std::unique_ptr<queue_queries> queries;
};

event_id nth_event(std::uint64_t n) {
  return event_id{nth_user(n + 1'000'000).value};
}

void expect_same(queue_queries& a, queue_queries& b, const event_id& event) {
  std::uint64_t after = 0;
  for (;;) {
    auto x = a.load({event, after, 7});
    auto y = b.load({event, after, 7});
    ASSERT_TRUE(x && y);
    ASSERT_EQ(x->threshold, y->threshold);
    ASSERT_EQ(x->waiting.size(), y->waiting.size());
    for (std::size_t i = 0; i < x->waiting.size(); ++i) {
      EXPECT_EQ(x->waiting[i].user, y->waiting[i].user);
      EXPECT_EQ(x->waiting[i].sequence, y->waiting[i].sequence);
    }
    const auto by_user = [](auto& rows) {
      std::sort(rows.begin(), rows.end(),
                [](const auto& l, const auto& r) { return l.user < r.user; });
    };
    by_user(x->active);
    by_user(y->active);
    ASSERT_EQ(x->active.size(), y->active.size());
    for (std::size_t i = 0; i < x->active.size(); ++i) {
      EXPECT_EQ(x->active[i].user, y->active[i].user);
      EXPECT_EQ(x->active[i].expires_at, y->active[i].expires_at);
      EXPECT_EQ(x->active[i].ends_at, y->active[i].ends_at);
    }
    by_user(x->leaving);
    by_user(y->leaving);
    ASSERT_EQ(x->leaving.size(), y->leaving.size());
    for (std::size_t i = 0; i < x->leaving.size(); ++i) {
      EXPECT_EQ(x->leaving[i].user, y->leaving[i].user);
      EXPECT_EQ(x->leaving[i].since_s, y->leaving[i].since_s);
    }
    if (x->waiting.size() < 7)
      return;
    after = x->waiting.back().sequence;
  }
}

TEST(queue_journal_test, sql_and_memory_hold_the_same_after_any_writes) {
  const auto seed = test::test_seed();
  SCOPED_TRACE(test::replay(seed));
  std::mt19937_64 random{seed};
  const auto below = [&](std::uint64_t n) { return random() % n; };
  sql_journal sql;
  auto memory = std::make_shared<memory::queue_journal>();
  auto memory_queries = memory::make_queue_queries(memory);
  std::map<event_id, std::uint64_t> sequence;
  for (int round = 0; round < 60; ++round) {
    std::vector<queue_write> batch;
    for (auto commands = 1 + below(4); commands > 0; --commands) {
      queue_write write{nth_event(below(3)), {}};
      auto& last = sequence[write.event];
      for (auto ops = below(12); ops > 0; --ops) {
        const auto user = nth_user(below(15));
        const auto known = last == 0 ? 0 : 1 + below(last);
        const auto at = t0 + milliseconds{below(100'000)};
        switch (below(24)) {
        case 0:
          write.ops.emplace_back(renew_slot{user, at});
          break;
        case 1:
          write.ops.emplace_back(mark_leaving{user, static_cast<std::uint32_t>(below(1u << 31))});
          break;
        case 2:
          write.ops.emplace_back(unmark_leaving{user});
          break;
        case 3:
          write.ops.emplace_back(drop_waiting{user, known, below(2) == 0});
          break;
        case 4:
          write.ops.emplace_back(drop_active{user, below(2) == 0});
          break;
        case 5:
          write.ops.emplace_back(set_limit{static_cast<std::uint32_t>(1 + below(1'000'000))});
          break;
        case 6:
          if (below(10) == 0)
            write.ops.emplace_back(clear_line{});
          break;
        case 7:
          write.ops.emplace_back(purge_expired{t0 + milliseconds{below(20'000)}});
          break;
        case 8:
        case 9:
        case 10:
          write.ops.emplace_back(admit_user{user, known, at, at + seconds{9}, below(2) == 0});
          break;
        default:
          write.ops.emplace_back(join_line{user, ++last, below(4) == 0});
        }
      }
      batch.push_back(std::move(write));
    }
    for (const auto& written : sql.writes->commit(batch))
      ASSERT_EQ(written.status, commit_status::committed);
    memory->commit(batch);
    for (std::uint64_t n = 0; n < 4; ++n)
      expect_same(*sql.queries, *memory_queries, nth_event(n));
    auto x = sql.queries->busy();
    auto y = memory_queries->busy();
    ASSERT_TRUE(x && y);
    std::sort(x->events.begin(), x->events.end());
    std::sort(y->events.begin(), y->events.end());
    ASSERT_EQ(x->events, y->events);
  }
}

TEST(queue_journal_test, a_refused_batch_leaves_nothing_and_the_next_one_works) {
  sql_journal sql;
  const auto event = nth_event(1);
  std::vector<queue_write> bad{{event, {join_line{nth_user(1), 1}}},
                               {event, {join_line{nth_user(2), 2}, join_line{nth_user(3), 2}}}};
  for (const auto& written : sql.writes->commit(bad))
    EXPECT_EQ(written.status, commit_status::failed);
  EXPECT_TRUE(sql.queries->load({event, 0, 10})->waiting.empty());
  std::vector<queue_write> good{{event, {join_line{nth_user(1), 1}}}};
  EXPECT_EQ(sql.writes->commit(good).front().status, commit_status::committed);
  EXPECT_EQ(sql.queries->load({event, 0, 10})->waiting.size(), 1u);
}

domain_event admission_of(std::uint64_t user, const event_id& event) {
  auto env = make_seeded_environment(user, [] { return t0; });
  return admission_event(event, {nth_user(user), 0, t0 + seconds{600}, t0 + seconds{3600}, false},
                         t0, *env);
}

TEST(queue_journal_test, events_are_written_with_their_operations_or_not_at_all) {
  sql_journal sql;
  const auto event = nth_event(1);
  std::vector<queue_write> batch{
      {event, {admit_user{nth_user(1), 0, t0, t0, false}}, {admission_of(1, event)}},
      {nth_event(2),
       {admit_user{nth_user(2), 0, t0, t0, false}},
       {admission_of(2, nth_event(2)), admission_of(3, nth_event(2))}}};
  ASSERT_EQ(sql.writes->commit(batch).front().status, commit_status::committed);
  std::vector<queue_write> bad{
      {event, {admit_user{nth_user(4), 0, t0, t0, false}}, {admission_of(4, event)}},
      {event, {join_line{nth_user(5), 2}, join_line{nth_user(6), 2}}}};
  ASSERT_EQ(sql.writes->commit(bad).front().status, commit_status::failed);

  const auto stored = sql::make_outbox_store(sql.open())->read(0, 10);
  ASSERT_TRUE(stored);
  ASSERT_EQ(stored->size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto& e = (*stored)[i];
    EXPECT_EQ(e.topic, "admission-events");
    EXPECT_EQ(e.type, "queue.admitted");
    EXPECT_EQ(e.key, to_string(nth_event(i == 0 ? 1 : 2)));
    const auto notice = read_admission(e);
    ASSERT_TRUE(notice) << e.payload;
    EXPECT_EQ(notice->user, nth_user(i + 1));
    EXPECT_EQ(notice->admitted_at, t0);
    EXPECT_EQ(notice->expires_at, t0 + seconds{600});
    EXPECT_FALSE(notice->waited);
    EXPECT_EQ(e.payload.find("oken"), std::string::npos) << "no secret in the database";
  }
}

TEST(queue_journal_test, what_is_no_admission_is_not_read_as_one) {
  const auto good = admission_of(1, nth_event(1));
  ASSERT_TRUE(read_admission(good));
  auto e = good;
  e.type = "queue.left";
  EXPECT_FALSE(read_admission(e));
  for (const char* payload : {"", "[]", "{}", "null", R"({"eventId":1})",
                              R"({"eventId":"x","userId":"y","expiresAt":"z"})"}) {
    e = good;
    e.payload = payload;
    EXPECT_FALSE(read_admission(e)) << payload;
  }
}

TEST(queue_journal_test, what_was_written_is_there_after_a_restart) {
  sql_journal sql;
  const auto event = nth_event(1);
  std::vector<queue_write> batch{{event, {join_line{nth_user(1), 5}, set_limit{77}}}};
  ASSERT_EQ(sql.writes->commit(batch).front().status, commit_status::committed);
  sql.writes.reset();
  sql.queries.reset();
  auto again = sql::make_queue_queries(sql.open());
  const auto page = again->load({event, 0, 10});
  ASSERT_TRUE(page);
  EXPECT_EQ(page->threshold, 77u);
  ASSERT_EQ(page->waiting.size(), 1u);
  EXPECT_EQ(page->waiting[0].user, nth_user(1));
  EXPECT_EQ(page->waiting[0].sequence, 5u);
}

} // namespace
} // namespace tiketi::queue
