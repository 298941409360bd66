#include "storage/memory/idempotency_store.hpp"
#include "storage/sql/idempotency_store.hpp"
#include "tests/support/test_database.hpp"

#include <algorithm>
#include <random>
#include <stdexcept>

#include <gtest/gtest.h>

namespace tiketi::idempotency {
namespace {

constexpr time_point t0 = from_millis(1'771'754'400'000);

class sql_keys {
public:
  sql_keys() {
    writes = sql::make_key_writes(open());
    queries = sql::make_key_queries(open());
  }

  sql::database open() { return stored.open(); }

  test::test_database stored{"gateway"};
  std::shared_ptr<key_writes> writes;
  std::unique_ptr<key_queries> queries;
};

key_record record(std::uint8_t n, bool done = true, std::string body = "answer") {
  key_record out;
  out.scope.fill(n);
  out.owner = "owner " + std::to_string(n % 3);
  out.fingerprint.fill(static_cast<std::uint8_t>(200 - n));
  out.done = done;
  out.incarnation = 0xfedc'ba98'7654'3210;
  out.started_at = t0;
  out.expires_at = t0 + seconds{100};
  if (done)
    out.answer = {201, "application/json", std::make_shared<const std::string>(std::move(body))};
  return out;
}

template <class What>
key_written write(key_writes& store, What what, time_point now = t0) {
  std::vector<key_write> batch{{std::move(what), now}};
  return store.commit(batch).front();
}

void expect_equal(const key_record& a, const key_record& b) {
  EXPECT_EQ(a.scope, b.scope);
  EXPECT_EQ(a.owner, b.owner);
  EXPECT_EQ(a.fingerprint, b.fingerprint);
  EXPECT_EQ(a.done, b.done);
  EXPECT_EQ(a.incarnation, b.incarnation);
  EXPECT_EQ(a.started_at, b.started_at);
  EXPECT_EQ(a.expires_at, b.expires_at);
  EXPECT_EQ(a.answer.status, b.answer.status);
  EXPECT_EQ(a.answer.content_type, b.answer.content_type);
  EXPECT_EQ(*a.answer.body, *b.answer.body);
}

TEST(key_store_test, an_answer_survives_a_restart) {
  sql_keys keys;
  const auto kept = record(1, true, "{\"text\":\"한국어 'quoted' \\\\\"}");
  ASSERT_EQ(write(*keys.writes, keep_answer{kept}).status, commit_status::committed);
  keys.writes.reset();
  keys.queries.reset();
  auto again = sql::make_key_queries(keys.open());
  const auto found = again->find({kept.scope});
  ASSERT_TRUE(found && found->record);
  expect_equal(*found->record, kept);
  EXPECT_FALSE(again->find({record(2).scope})->record);
  const auto counts = again->counts();
  ASSERT_EQ(counts->owners.size(), 1u);
  EXPECT_EQ(counts->owners[0], (std::pair<std::string, std::size_t>{"owner 1", 1}));
}

TEST(key_store_test, the_first_answer_stays) {
  sql_keys keys;
  auto& store = *keys.writes;
  EXPECT_EQ(write(store, keep_answer{record(1, true, "first")}).status, commit_status::committed);
  EXPECT_EQ(write(store, keep_answer{record(1, true, "second")}).status, commit_status::rejected);
  EXPECT_EQ(write(store, note_run{record(1, false)}).status, commit_status::rejected);
  EXPECT_EQ(*keys.queries->find({record(1).scope})->record->answer.body, "first");
  const auto late = t0 + seconds{100};
  EXPECT_EQ(write(store, keep_answer{record(1, true, "third")}, late).status,
            commit_status::committed)
      << "the first has expired";
}

TEST(key_store_test, a_note_is_replaced_by_its_own_process_only) {
  sql_keys keys;
  auto& store = *keys.writes;
  ASSERT_EQ(write(store, note_run{record(1, false)}).status, commit_status::committed);
  EXPECT_FALSE(keys.queries->find({record(1).scope})->record->done);
  auto foreign = record(1);
  foreign.incarnation = 1;
  EXPECT_EQ(write(store, keep_answer{foreign}).status, commit_status::rejected);
  EXPECT_EQ(write(store, keep_answer{record(1)}).status, commit_status::committed);
  EXPECT_TRUE(keys.queries->find({record(1).scope})->record->done);
  EXPECT_EQ(write(store, drop_key{record(1).scope}).status, commit_status::committed);
  EXPECT_FALSE(keys.queries->find({record(1).scope})->record);
}

TEST(key_store_test, expired_keys_go_in_bounded_steps) {
  sql_keys keys;
  for (std::uint8_t n = 1; n <= 7; ++n) {
    auto r = record(n);
    r.expires_at = t0 + seconds{n};
    ASSERT_EQ(write(*keys.writes, keep_answer{r}).status, commit_status::committed);
  }
  auto gone = write(*keys.writes, purge_keys{t0 + seconds{5}, 3});
  EXPECT_EQ(gone.purged, (std::vector<std::string>{"owner 1", "owner 2", "owner 0"}));
  gone = write(*keys.writes, purge_keys{t0 + seconds{5}, 3});
  EXPECT_EQ(gone.purged.size(), 2u);
  EXPECT_TRUE(write(*keys.writes, purge_keys{t0 + seconds{5}, 3}).purged.empty());
  EXPECT_TRUE(keys.queries->find({record(6).scope})->record);
}

TEST(key_store_test, both_implementations_agree_after_any_writes) {
  std::mt19937_64 chance{11};
  sql_keys sql;
  auto memory = std::make_shared<memory::key_store>();
  auto memory_queries = memory::make_key_queries(memory);
  for (int round = 0; round < 300; ++round) {
    const auto n = static_cast<std::uint8_t>(chance() % 6);
    auto row = record(n, chance() % 2 == 0, std::to_string(round));
    row.incarnation = chance() % 2;
    row.expires_at = t0 + seconds{static_cast<std::int64_t>(chance() % 500)};
    const auto now = t0 + seconds{static_cast<std::int64_t>(chance() % 500)};
    std::vector<key_write> batch;
    switch (chance() % 6) {
    case 0:
      batch.push_back({drop_key{row.scope}, now});
      break;
    case 1:
      batch.push_back({purge_keys{now, 2}, now});
      break;
    default:
      if (row.done)
        batch.push_back({keep_answer{row}, now});
      else
        batch.push_back({note_run{row}, now});
    }
    auto same = batch;
    const auto a = sql.writes->commit(batch).front();
    const auto b = memory->commit(same).front();
    ASSERT_EQ(a.status, b.status) << round;
    ASSERT_EQ(a.purged.size(), b.purged.size()) << round;
    for (std::uint8_t k = 0; k < 6; ++k) {
      const auto x = sql.queries->find({record(k).scope});
      const auto y = memory_queries->find({record(k).scope});
      ASSERT_EQ(x->record.has_value(), y->record.has_value()) << round;
      if (x->record)
        expect_equal(*x->record, *y->record);
    }
    auto x = sql.queries->counts()->owners;
    auto y = memory_queries->counts()->owners;
    std::sort(x.begin(), x.end());
    std::sort(y.begin(), y.end());
    ASSERT_EQ(x, y);
  }
}

} // namespace
} // namespace tiketi::idempotency
