#include "actors/base/environment.hpp"
#include "storage/memory/payment_store.hpp"
#include "storage/sql/payment_store.hpp"
#include "tests/support/test_database.hpp"

#include <functional>
#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace tiketi::payment {
namespace {

using namespace std::chrono_literals;

constexpr time_point now = from_millis(1'771'754'400'000);

struct store_under_test {
  virtual ~store_under_test() = default;
  virtual payment_writes& writes() = 0;
  virtual payment_queries& queries() = 0;
  virtual outbox_store& outbox() = 0;
};

struct memory_store final : store_under_test {
  payment_writes& writes() override { return store; }
  payment_queries& queries() override { return *reads; }
  outbox_store& outbox() override { return *box; }

  memory::payment_store store;
  std::unique_ptr<payment_queries> reads = store.queries();
  std::unique_ptr<outbox_store> box = store.outbox();
};

struct sql_store final : store_under_test {
  sql_store() {
    writer = sql::make_payment_writes(open());
    reads = sql::make_payment_queries(open());
    box = sql::make_outbox_store(open());
  }

  sql::database open() { return stored.open(); }

  payment_writes& writes() override { return *writer; }
  payment_queries& queries() override { return *reads; }
  outbox_store& outbox() override { return *box; }

  test::test_database stored{"payment"};
  std::shared_ptr<payment_writes> writer;
  std::unique_ptr<payment_queries> reads;
  std::unique_ptr<outbox_store> box;
};

class payment_store_test : public ::testing::TestWithParam<bool> {
protected:
  payment_view fresh(reservation_id of, time_point at = now) {
    auto p = new_payment(make_fresh_ids(*env), of, event, user, 50'000, at);
    return p;
  }

  reservation_id other() { return reservation_id{make_uuid(*env)}; }

  payment_written write(payment_change change) {
    std::vector<payment_write> batch{{write_payment{std::move(change), now}}};
    return store->writes().commit(batch).at(0);
  }

  payment_written write(payment_view next) { return write({std::move(next), {}, {}, {}}); }

  payment_view captured(payment_view p, std::string key) {
    p = start_capture(p, {std::move(key), "toss", "demo", true}, now).value();
    EXPECT_EQ(write(p).status, commit_status::committed);
    p = approve(p, now, "DONE", now).value();
    EXPECT_EQ(
        write({p, {confirmed_event(p, now)}, {{now, "capture", "approved", "ok"}}, {}}).status,
        commit_status::committed);
    return p;
  }

  std::unique_ptr<environment> env = make_seeded_environment(3, [] { return now; });
  std::unique_ptr<store_under_test> store =
      GetParam() ? std::unique_ptr<store_under_test>(std::make_unique<sql_store>())
                 : std::unique_ptr<store_under_test>(std::make_unique<memory_store>());
  event_id event{make_uuid(*env)};
  user_id user{make_uuid(*env)};
  reservation_id reservation{make_uuid(*env)};
};

void expect_same(const payment_view& a, const payment_view& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.reservation, b.reservation);
  EXPECT_EQ(a.event, b.event);
  EXPECT_EQ(a.user, b.user);
  EXPECT_EQ(a.order_id, b.order_id);
  EXPECT_EQ(a.payment_key, b.payment_key);
  EXPECT_EQ(a.amount, b.amount);
  EXPECT_EQ(a.method, b.method);
  EXPECT_EQ(a.status, b.status);
  EXPECT_EQ(a.resolved, b.resolved);
  EXPECT_EQ(a.provider, b.provider);
  EXPECT_EQ(a.demo, b.demo);
  EXPECT_EQ(a.provider_status, b.provider_status);
  EXPECT_EQ(a.failure_text, b.failure_text);
  EXPECT_EQ(a.refund_reason, b.refund_reason);
  EXPECT_EQ(a.refund_amount, b.refund_amount);
  EXPECT_EQ(a.approved_at, b.approved_at);
  EXPECT_EQ(a.refunded_at, b.refunded_at);
  EXPECT_EQ(a.created_at, b.created_at);
  EXPECT_EQ(a.updated_at, b.updated_at);
  EXPECT_EQ(a.confirm_message, b.confirm_message);
  EXPECT_EQ(a.refund_message, b.refund_message);
  EXPECT_EQ(a.version, b.version);
}

TEST_P(payment_store_test, a_payment_goes_all_the_way_and_is_found_by_every_name) {
  auto p = fresh(reservation);
  ASSERT_EQ(write(p).status, commit_status::committed);
  p = captured(p, "the key");
  p = resolve(p, now + 1s).value();
  ASSERT_EQ(write(p).status, commit_status::committed);
  p = start_refund(p, "late's reason", now + 2s).value();
  ASSERT_EQ(write(p).status, commit_status::committed);
  p = finish_refund(p, now + 3s).value();
  ASSERT_EQ(write({p, {refunded_event(p, now)}, {}, {}}).status, commit_status::committed);
  auto& q = store->queries();
  const auto by_id = q.find(p.id);
  ASSERT_TRUE(by_id && *by_id);
  expect_same(**by_id, p);
  expect_same(*q.find_by_order(p.order_id).value(), p);
  expect_same(*q.find_by_key("the key").value(), p);
  expect_same(q.payments_of(reservation)->at(0), p);
  expect_same(q.payments_by(user, 10, 0)->payments.at(0), p);
  EXPECT_FALSE(*q.find_by_key(""));
  EXPECT_FALSE(*q.find_by_order("nothing"));
  EXPECT_FALSE(*q.find(payment_id{}));
  const auto events = store->outbox().read(0, 10);
  ASSERT_TRUE(events);
  ASSERT_EQ(events->size(), 2u);
  EXPECT_EQ(events->at(0).id, p.confirm_message);
  EXPECT_EQ(events->at(1).id, p.refund_message);
  EXPECT_LT(events->at(0).sequence, events->at(1).sequence);
  EXPECT_EQ(events->at(1).key, to_string(reservation));
}

TEST_P(payment_store_test, a_reservation_has_one_live_payment) {
  auto first = fresh(reservation);
  ASSERT_EQ(write(first).status, commit_status::committed);
  auto second = fresh(reservation);
  EXPECT_EQ(write(second).status, commit_status::rejected);
  first = fail(first, "declined", now).value();
  ASSERT_EQ(write(first).status, commit_status::committed);
  EXPECT_EQ(write(second).status, commit_status::committed);
  const auto rows = store->queries().payments_of(reservation);
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ(rows->at(0).id, second.id) << "the live one first";
}

TEST_P(payment_store_test, listings_and_memberships_are_paid_for_too) {
  const auto of = [&](subject_kind kind, const uuid& reference) {
    return new_payment(make_fresh_ids(*env), {kind, reference}, event, user, 50'000, now);
  };
  const auto reference = make_uuid(*env);
  auto listing = of(subject_kind::transfer, reference);
  ASSERT_EQ(write(listing).status, commit_status::committed);
  EXPECT_EQ(write(of(subject_kind::transfer, reference)).status, commit_status::rejected);
  // The same number for another kind is another thing.
  auto member = of(subject_kind::membership, reference);
  ASSERT_EQ(write(member).status, commit_status::committed);
  ASSERT_EQ(write(fresh(reservation_id{reference})).status, commit_status::committed);

  const auto rows = store->queries().payments_of({subject_kind::transfer, reference});
  ASSERT_EQ(rows->size(), 1u);
  expect_same(rows->at(0), listing);
  EXPECT_EQ(rows->at(0).kind, subject_kind::transfer);
  EXPECT_EQ(rows->at(0).reference, reference);
  EXPECT_TRUE(rows->at(0).reservation.is_nil());
  EXPECT_EQ(store->queries().payments_by(user, 10, 0)->total, 3);

  // A listing is bought once; a membership again when the payment did its work.
  listing = captured(listing, "");
  listing = resolve(listing, now).value();
  ASSERT_EQ(write(listing).status, commit_status::committed);
  EXPECT_EQ(write(of(subject_kind::transfer, reference)).status, commit_status::rejected);
  member = captured(member, "");
  EXPECT_EQ(write(of(subject_kind::membership, reference)).status, commit_status::rejected);
  member = resolve(member, now).value();
  ASSERT_EQ(write(member).status, commit_status::committed);
  EXPECT_EQ(write(of(subject_kind::membership, reference)).status, commit_status::committed);
  EXPECT_EQ(store->queries().payments_of({subject_kind::membership, reference})->size(), 2u);
  EXPECT_EQ(store->outbox().read(0, 10)->at(0).key, to_string(reference));
}

TEST_P(payment_store_test, order_ids_are_unique) {
  auto first = fresh(reservation);
  auto second = fresh(other());
  second.order_id = first.order_id;
  EXPECT_EQ(write(first).status, commit_status::committed);
  EXPECT_EQ(write(second).status, commit_status::rejected);
}

TEST_P(payment_store_test, a_payment_key_pays_once) {
  auto first = fresh(reservation);
  ASSERT_EQ(write(first).status, commit_status::committed);
  captured(first, "key");
  auto second = fresh(other());
  ASSERT_EQ(write(second).status, commit_status::committed);
  const auto stolen = start_capture(second, {"key", "toss", "demo", true}, now).value();
  const auto refused = write(stolen);
  EXPECT_EQ(refused.status, commit_status::rejected);
  EXPECT_TRUE(refused.key_taken);
  EXPECT_EQ(store->queries().find(second.id).value()->status, payment_status::pending);
}

TEST_P(payment_store_test, an_older_image_is_rejected_with_all_that_belongs_to_it) {
  auto p = fresh(reservation);
  ASSERT_EQ(write(p).status, commit_status::committed);
  EXPECT_EQ(write(p).status, commit_status::rejected) << "created twice";
  captured(p, "key");
  const auto cause = make_uuid(*env);
  const auto stale = start_capture(p, {"key2", "toss", "demo", true}, now).value();
  EXPECT_EQ(
      write({stale, {confirmed_event(stale, now)}, {{now, "capture", "x", ""}}, cause}).status,
      commit_status::rejected);
  EXPECT_EQ(store->outbox().read(0, 10)->size(), 1u);
  const auto row = *store->queries().find(p.id).value();
  const auto next = write({resolve(row, now).value(), {}, {}, cause});
  EXPECT_EQ(next.status, commit_status::committed);
  EXPECT_FALSE(next.duplicate) << "the rejected write left no mark";
}

TEST_P(payment_store_test, an_event_is_applied_once) {
  auto p = fresh(reservation);
  ASSERT_EQ(write(p).status, commit_status::committed);
  const auto row = captured(p, "key");
  const auto cause = make_uuid(*env);
  ASSERT_EQ(write({resolve(row, now).value(), {}, {}, cause}).status, commit_status::committed);
  const auto resolved = *store->queries().find(p.id).value();
  const auto again = write({start_refund(resolved, "r", now).value(), {}, {}, cause});
  EXPECT_EQ(again.status, commit_status::committed);
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(store->queries().find(p.id).value()->status, payment_status::captured);
}

TEST_P(payment_store_test, a_bad_command_does_not_take_its_batch_with_it) {
  auto good = fresh(reservation);
  auto bad = fresh(other());
  bad.amount = -1;
  auto late = fresh(other());
  std::vector<payment_write> batch{{write_payment{{good, {}, {}, {}}, now}},
                                   {write_payment{{bad, {confirmed_event(bad, now)}, {}, {}}, now}},
                                   {write_payment{{late, {}, {}, {}}, now}},
                                   {look_up_payment{good.id}},
                                   {look_up_payment{bad.id}}};
  const auto out = store->writes().commit(batch);
  ASSERT_EQ(out.size(), 5u);
  EXPECT_EQ(out[0].status, commit_status::committed);
  EXPECT_EQ(out[1].status, commit_status::rejected);
  EXPECT_EQ(out[2].status, commit_status::committed);
  EXPECT_EQ(out[3].status, commit_status::committed);
  ASSERT_TRUE(out[3].found);
  expect_same(*out[3].found, good);
  EXPECT_EQ(out[4].status, commit_status::committed);
  EXPECT_FALSE(out[4].found);
  EXPECT_TRUE(store->outbox().read(0, 10)->empty());
}

TEST_P(payment_store_test, lists_are_newest_first_and_paged) {
  std::vector<payment_id> ids;
  for (int i = 0; i < 25; ++i) {
    auto p = fresh(other(), now + seconds{i});
    ASSERT_EQ(write(p).status, commit_status::committed);
    ids.insert(ids.begin(), p.id);
  }
  const auto page = store->queries().payments_by(user, 10, 20);
  ASSERT_TRUE(page);
  EXPECT_EQ(page->total, 25);
  ASSERT_EQ(page->payments.size(), 5u);
  for (std::size_t i = 0; i < 5; ++i)
    EXPECT_EQ(page->payments[i].id, ids[20 + i]);
  EXPECT_EQ(store->queries().payments_by(user_id{}, 10, 0)->total, 0);
}

TEST_P(payment_store_test, unfinished_payments_are_found_page_by_page) {
  std::size_t expected = 0;
  for (int i = 0; i < 9; ++i) {
    auto p = fresh(other());
    ASSERT_EQ(write(p).status, commit_status::committed);
    if (i % 3 == 0)
      continue;
    ++expected;
    if (i % 3 == 1) {
      p = captured(p, "key" + std::to_string(i));
      ASSERT_EQ(write(start_refund(p, "r", now).value()).status, commit_status::committed);
    } else {
      ASSERT_EQ(write(start_capture(p, {{}, "card", "demo", true}, now).value()).status,
                commit_status::committed);
    }
  }
  std::size_t found = 0;
  payment_id after;
  for (;;) {
    const auto page = store->queries().unfinished(after, 4);
    ASSERT_TRUE(page);
    for (const auto& p : *page) {
      EXPECT_LT(after, p.id);
      after = p.id;
      ++found;
    }
    if (page->size() < 4)
      break;
  }
  EXPECT_EQ(found, expected);
}

INSTANTIATE_TEST_SUITE_P(both, payment_store_test, ::testing::Bool(),
                         [](const auto& which) { return which.param ? "sql" : "memory"; });

} // namespace
} // namespace tiketi::payment
