#include "tests/sale/sale_audit.hpp"

#include <map>
#include <set>
#include <stdexcept>

#include <gtest/gtest.h>

namespace tiketi::test {

namespace {

long long number_in(const rows_reader& rows, const char* role, const std::string& query) {
  const auto found = rows(role, query);
  if (found.size() != 1 || found[0].size() != 1)
    throw std::runtime_error(query + ": not a single number");
  return found[0][0].empty() ? 0 : std::stoll(found[0][0]);
}

/// Events of a database that some consumer has not applied yet.
long long behind(const rows_reader& rows, const char* role) {
  return number_in(rows, role,
                   "select case when coalesce((select max(sequence) from outbox), 0) > "
                   "coalesce((select min(sequence) from outbox_cursors), 0) "
                   "then 1 else 0 end");
}

} // namespace

rows_reader rows_below(std::filesystem::path data) {
  return [data = std::move(data)](const std::string& role, const std::string& query) {
    return stored_rows(data / (role + ".db"), query);
  };
}

bool nothing_pending(const rows_reader& rows) {
  return number_in(rows, "ticket", "select count(*) from reservations where status = 'pending'")
             == 0
         && number_in(rows, "ticket",
                      "select count(*) from reservations where payment_status = 'refund_requested'")
                == 0
         && number_in(rows, "payment",
                      "select count(*) from payments where status in ('capturing', 'refunding') or "
                      "(status = 'captured' and resolved = 0)")
                == 0
         && behind(rows, "ticket") == 0 && behind(rows, "payment") == 0;
}

void audit_sale(const std::vector<ledger_line>& told, const rows_reader& rows) {
  const auto tickets = [&](const std::string& query) { return rows("ticket", query); };
  std::map<std::string, sql_row> reservations;
  for (auto& row : tickets("select id, user_id, status, payment_status, coalesce(paid_by, '') "
                           "from reservations"))
    reservations.emplace(row[0], row);
  std::map<std::string, std::set<std::string>> items;
  for (auto& row : tickets("select reservation_id, seat_id from reservation_items"))
    items[row[0]].insert(row[1]);

  // P2: nothing acknowledged is lost.
  for (const auto& line : told) {
    if (line.reservation.empty())
      continue;
    const auto found = reservations.find(line.reservation);
    ASSERT_NE(found, reservations.end()) << "acknowledged and lost: " << line.reservation;
    EXPECT_EQ(found->second[1], line.user);
    EXPECT_EQ(items[line.reservation], std::set<std::string>(line.seats.begin(), line.seats.end()));
    const auto& status = found->second[2];
    if (line.cancelled) {
      EXPECT_EQ(status, "cancelled") << line.reservation;
    } else if (line.paid && !line.cancel_asked) {
      EXPECT_EQ(status, "confirmed") << line.reservation;
    } else if (!line.pay_asked && !line.cancel_asked) {
      EXPECT_EQ(status, "expired") << "expiry did not fire: " << line.reservation;
    }
  }

  // P1: a seat belongs to one live reservation at most, and both sides agree.
  EXPECT_TRUE(tickets("select i.seat_id from reservation_items i join reservations r "
                      "on r.id = i.reservation_id where r.status in ('pending', 'confirmed') "
                      "group by i.seat_id having count(*) > 1")
                  .empty());
  EXPECT_TRUE(tickets("select s.id from seats s where s.status = 'reserved' and not exists "
                      "(select 1 from reservation_items i join reservations r "
                      "on r.id = i.reservation_id where i.seat_id = s.id "
                      "and r.status = 'confirmed' and r.id = s.holder)")
                  .empty());
  EXPECT_TRUE(tickets("select i.seat_id from reservation_items i join reservations r "
                      "on r.id = i.reservation_id join seats s on s.id = i.seat_id "
                      "where r.status = 'confirmed' and s.status <> 'reserved'")
                  .empty());
  EXPECT_EQ(number_in(rows, "ticket", "select count(*) from seats where status = 'locked'"), 0);

  // P3: confirmed for exactly one captured payment; every other captured payment went back.
  std::map<std::string, std::vector<sql_row>> paid;
  for (auto& row : rows("payment", "select reservation_id, id, status from payments "
                                   "where status in ('captured', 'refunded')"))
    paid[row[0]].push_back(row);
  for (const auto& [id, row] : reservations) {
    std::size_t kept = 0;
    for (const auto& payment : paid[id]) {
      kept += payment[2] == "captured";
      if (payment[2] == "captured") {
        EXPECT_EQ(row[4], payment[1]) << "paid by another payment: " << id;
      }
    }
    EXPECT_EQ(kept, row[2] == "confirmed" ? 1u : 0u) << id << " is " << row[2];
  }
  EXPECT_TRUE(tickets("select reservation_id from reservation_history "
                      "where action in ('confirmed', 'cancelled', 'expired') "
                      "group by reservation_id, action having count(*) > 1")
                  .empty())
      << "something ended twice";

  // P6: every later hold of a seat, told by the seat's version, carries a greater token.
  EXPECT_TRUE(tickets("select a.seat_id from reservation_items a join reservation_items b "
                      "on a.seat_id = b.seat_id and a.reservation_id <> b.reservation_id "
                      "and a.seat_version <= b.seat_version "
                      "and a.fencing_token >= b.fencing_token")
                  .empty());

  // P5: each event of the other role applied, and once.
  EXPECT_EQ(behind(rows, "ticket"), 0);
  EXPECT_EQ(behind(rows, "payment"), 0);
  EXPECT_TRUE(tickets("select event_id from processed_events group by consumer, event_id "
                      "having count(*) > 1")
                  .empty());
}

} // namespace tiketi::test
