#include "storage/sql/ticket_admin_store.hpp"

#include "storage/sql/query_guard.hpp"

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <utility>

#include <spdlog/spdlog.h>

namespace tiketi::sql {

using namespace ticket;

namespace {

template <class Enum>
Enum from_word(const std::string& word, Enum last) {
  for (int i = 0; i <= static_cast<int>(last); ++i)
    if (to_string(static_cast<Enum>(i)) == word)
      return static_cast<Enum>(i);
  throw std::runtime_error("unknown word in the database: " + word);
}

template <class Id>
Id id_of(const std::string& text) {
  return parse_id<Id>(text).value_or(Id{});
}

/// The columns of one list or one row. The time of the last change is that of the history.
struct reservation_columns {
  static constexpr const char* select =
      "SELECT r.id, r.user_id, r.event_id, r.reservation_number, r.total_amount, r.status, "
      "r.payment_status, r.payment_method, coalesce(r.paid_by, ''), "
      "coalesce(r.idempotency_key, ''), r.created_at, r.expires_at, coalesce(e.title, ''), "
      "coalesce(e.venue, ''), coalesce(e.address, ''), coalesce(e.event_date, 0), "
      "coalesce((SELECT max(h.at) FROM reservation_history h WHERE h.reservation_id = r.id), "
      "r.created_at) FROM reservations r LEFT JOIN events e ON e.id = r.event_id ";

  void bind(soci::statement& st) {
    for (auto* text : {&id, &user, &event, &number})
      st.exchange(soci::into(*text));
    st.exchange(soci::into(amount));
    for (auto* text : {&status, &payment, &method, &paid_by, &key})
      st.exchange(soci::into(*text));
    st.exchange(soci::into(created));
    st.exchange(soci::into(expires));
    for (auto* text : {&title, &venue, &address})
      st.exchange(soci::into(*text));
    st.exchange(soci::into(date));
    st.exchange(soci::into(updated));
  }

  admin_reservation row() const {
    admin_reservation out;
    auto& v = out.view;
    v.id = id_of<reservation_id>(id);
    v.user = id_of<user_id>(user);
    v.event = id_of<event_id>(event);
    v.number = number;
    v.total_amount = amount;
    v.status = from_word(status, reservation_status::expired);
    v.payment = from_word(payment, payment_state::refunded);
    v.payment_method = method;
    v.paid_by = id_of<payment_id>(paid_by);
    v.created_at = from_millis(created);
    v.expires_at = from_millis(expires);
    v.event_title = title;
    v.venue = venue;
    v.address = address;
    v.event_date = from_millis(date);
    out.idempotency_key = key;
    out.updated_at = from_millis(updated);
    return out;
  }

  std::string id, user, event, number, status, payment, method, paid_by, key, title, venue, address;
  long long amount = 0, created = 0, expires = 0, date = 0, updated = 0;
};

class sql_ticket_admin_queries final : public ticket_admin_queries {
public:
  explicit sql_ticket_admin_queries(database db) : guard_(std::move(db), "ticket administration") {}

  result<reservation_totals> totals(time_point day_start) override {
    return guard_.run<reservation_totals>([&] {
      long long all = 0, revenue = 0, today = 0;
      const long long start = to_millis(day_start);
      // A sum of BIGINT is NUMERIC in PostgreSQL.
      guard_.db().session()
          << "SELECT (SELECT count(*) FROM reservations WHERE status <> 'cancelled'), "
             "(SELECT CAST(coalesce(sum(total_amount), 0) AS BIGINT) FROM reservations "
             "WHERE payment_status = 'completed'), "
             "(SELECT count(*) FROM reservations WHERE created_at >= :start "
             "AND status <> 'cancelled')",
          soci::use(start, "start"), soci::into(all), soci::into(revenue), soci::into(today);
      return reservation_totals{all, revenue, today};
    });
  }

  result<admin_page> page(const std::optional<std::string>& status, std::int32_t page,
                          std::int32_t limit) override {
    return guard_.run<admin_page>([&] {
      admin_page out;
      const std::string word = status.value_or("");
      const std::string where = status ? "WHERE r.status = :status " : "WHERE :status = '' ";
      long long total = 0;
      guard_.db().session() << "SELECT count(*) FROM reservations r " << where,
          soci::use(word, "status"), soci::into(total);
      out.total = total;
      const long long most = limit;
      const long long skip = (std::int64_t{page} - 1) * limit;
      reservation_columns columns;
      soci::statement st(guard_.db().session());
      st.exchange(soci::use(word, "status"));
      st.exchange(soci::use(most, "most"));
      st.exchange(soci::use(skip, "skip"));
      columns.bind(st);
      st.alloc();
      st.prepare(reservation_columns::select + where
                 + "ORDER BY r.created_at DESC, r.id DESC LIMIT :most OFFSET :skip");
      st.define_and_bind();
      for (bool more = st.execute(true); more; more = st.fetch())
        out.reservations.push_back(columns.row());
      return out;
    });
  }

  result<std::optional<admin_reservation>> find(reservation_id id) override {
    return guard_.run<std::optional<admin_reservation>>([&]() -> std::optional<admin_reservation> {
      const auto key = to_string(id);
      reservation_columns columns;
      soci::statement st(guard_.db().session());
      st.exchange(soci::use(key, "id"));
      columns.bind(st);
      st.alloc();
      st.prepare(std::string{reservation_columns::select} + "WHERE r.id = :id");
      st.define_and_bind();
      if (!st.execute(true))
        return std::nullopt;
      return columns.row();
    });
  }

  result<event_stock> stock(event_id event) override {
    return guard_.run<event_stock>([&] {
      const auto key = to_string(event);
      long long seats = 0, live = 0, live_seats = 0;
      guard_.db().session()
          << "SELECT (SELECT count(*) FROM seats WHERE event_id = :event "
             "AND retired = 0), "
             "(SELECT count(*) FROM reservations WHERE event_id = :event "
             "AND status IN ('pending', 'confirmed')), "
             "(SELECT count(*) FROM reservation_items i JOIN reservations r "
             "ON r.id = i.reservation_id WHERE r.event_id = :event "
             "AND r.status IN ('pending', 'confirmed') AND i.seat_id IS NOT NULL)",
          soci::use(key, "event"), soci::into(seats), soci::into(live), soci::into(live_seats);
      return event_stock{seats, live, live_seats};
    });
  }

  result<bool> is_applied(const uuid& message) override {
    return guard_.run<bool>([&] { return is_processed(guard_.db(), "ticket", message); });
  }

private:
  query_guard guard_;
};

} // namespace

std::unique_ptr<ticket_admin_queries> make_ticket_admin_queries(database db) {
  return std::make_unique<sql_ticket_admin_queries>(std::move(db));
}

} // namespace tiketi::sql
