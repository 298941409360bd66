#include "storage/sql/transfer_store.hpp"

#include "storage/sql/query_guard.hpp"

#include <stdexcept>
#include <string>
#include <utility>

namespace tiketi::sql {

using namespace ticket;

namespace {

// -- statements that write -----------------------------------------------------------------------

struct insert_listing {
  explicit insert_listing(soci::session& sql)
      : st((
          sql.prepare << "INSERT INTO ticket_transfers(id, reservation_id, seller_id, artist_id, "
                         "original_price, transfer_fee, transfer_fee_percent, total_price, "
                         "status, created_at, completed_at, updated_at) "
                         "SELECT CAST(:id AS VARCHAR(36)), r.id, r.user_id, nullif(:artist, ''), "
                         "CAST(:price AS BIGINT), CAST(:fee AS BIGINT), CAST(:percent AS INTEGER), "
                         "CAST(:total AS BIGINT), 'listed', CAST(:at AS BIGINT), 0, "
                         "CAST(:at AS BIGINT) FROM reservations r WHERE r.id = :reservation "
                         "AND r.user_id = :seller AND r.status = 'confirmed' "
                         "ON CONFLICT DO NOTHING",
          soci::use(id, "id"), soci::use(artist, "artist"), soci::use(price, "price"),
          soci::use(fee, "fee"), soci::use(percent, "percent"), soci::use(total, "total"),
          soci::use(at, "at"), soci::use(reservation, "reservation"),
          soci::use(seller, "seller"))) {}

  std::string id, reservation, seller, artist;
  long long price = 0;
  long long fee = 0;
  long long total = 0;
  long long at = 0;
  int percent = 0;
  soci::statement st;
};

struct close_listing {
  explicit close_listing(soci::session& sql)
      : st((sql.prepare << "UPDATE ticket_transfers SET status = 'cancelled', updated_at = :at "
                           "WHERE id = :id AND reservation_id = :reservation "
                           "AND status = 'listed'",
            soci::use(at, "at"), soci::use(id, "id"), soci::use(reservation, "reservation"))) {}

  std::string id, reservation;
  long long at = 0;
  soci::statement st;
};

struct sell_listing {
  explicit sell_listing(soci::session& sql)
      : st((sql.prepare << "UPDATE ticket_transfers SET status = 'completed', buyer_id = :buyer, "
                           "payment_id = :payment, seller_payment_id = nullif(:before, ''), "
                           "completed_at = :at, updated_at = :at WHERE id = :id "
                           "AND reservation_id = :reservation AND seller_id = :seller "
                           "AND status = 'listed'",
            soci::use(buyer, "buyer"), soci::use(payment, "payment"), soci::use(before, "before"),
            soci::use(at, "at"), soci::use(id, "id"), soci::use(reservation, "reservation"),
            soci::use(seller, "seller"))) {}

  std::string id, reservation, seller, buyer, payment, before;
  long long at = 0;
  soci::statement st;
};

/// The seller's idempotency key goes: it would be taken for the buyer's.
struct hand_over {
  explicit hand_over(soci::session& sql)
      : st((sql.prepare << "UPDATE reservations SET user_id = :buyer, idempotency_key = NULL "
                           "WHERE id = :id AND user_id = :seller AND status = 'confirmed'",
            soci::use(buyer, "buyer"), soci::use(id, "id"), soci::use(seller, "seller"))) {}

  std::string id, seller, buyer;
  soci::statement st;
};

struct status_of_listing {
  explicit status_of_listing(soci::session& sql)
      : st((sql.prepare << "SELECT status FROM ticket_transfers WHERE id = :id",
            soci::use(id, "id"), soci::into(status))) {}

  std::string id, status;
  soci::statement st;
};

transfer_status transfer_status_of(const std::string& word) {
  for (const auto s :
       {transfer_status::listed, transfer_status::completed, transfer_status::cancelled})
    if (to_string(s) == word)
      return s;
  throw std::runtime_error("unknown word in the database: " + word);
}

bool apply(database& db, const change_reservation& command) {
  const auto& what = command.listing;
  const auto id = to_string(what.terms.id);
  const auto reservation = to_string(command.reservation);
  switch (what.effect) {
  case listing_effect::keep:
    return true;
  case listing_effect::open: {
    auto& q = db.prepared<insert_listing>();
    q.id = id;
    q.reservation = reservation;
    q.seller = to_string(what.seller);
    q.artist = id_text(what.terms.artist);
    q.price = what.terms.original_price;
    q.fee = what.terms.fee;
    q.percent = what.terms.fee_percent;
    q.total = what.terms.total_price;
    q.at = to_millis(what.terms.listed_at);
    return run(q.st) == 1;
  }
  case listing_effect::close: {
    auto& q = db.prepared<close_listing>();
    q.id = id;
    q.reservation = reservation;
    q.at = to_millis(what.at);
    return run(q.st) == 1;
  }
  case listing_effect::sell: {
    // First what decides: one of two sales finds the row listed.
    auto& q = db.prepared<sell_listing>();
    q.id = id;
    q.reservation = reservation;
    q.seller = to_string(what.seller);
    q.buyer = to_string(what.buyer);
    q.payment = to_string(what.payment);
    q.before = id_text(what.seller_payment);
    q.at = to_millis(what.at);
    if (run(q.st) != 1)
      return false;
    auto& h = db.prepared<hand_over>();
    h.id = reservation;
    h.seller = to_string(what.seller);
    h.buyer = to_string(what.buyer);
    if (run(h.st) != 1)
      throw std::runtime_error("a listing of somebody who does not own the reservation " + h.id);
    return true;
  }
  }
  return false;
}

// -- statements that read ------------------------------------------------------------------------

struct select_resale {
  explicit select_resale(soci::session& sql)
      : st((sql.prepare << "SELECT id, coalesce(artist_id, ''), original_price, transfer_fee, "
                           "transfer_fee_percent, total_price, status, coalesce(payment_id, ''), "
                           "coalesce(seller_payment_id, ''), created_at FROM ticket_transfers "
                           "WHERE reservation_id = :key AND status IN ('listed', 'completed') "
                           "ORDER BY completed_at, id",
            soci::use(key, "key"), soci::into(id), soci::into(artist), soci::into(price),
            soci::into(fee), soci::into(percent), soci::into(total), soci::into(status),
            soci::into(payment), soci::into(before), soci::into(created))) {}

  std::string key, id, artist, status, payment, before;
  long long price = 0;
  long long fee = 0;
  long long total = 0;
  long long created = 0;
  int percent = 0;
  soci::statement st;
};

/// Reads listings with their event by two texts and bounds.
struct select_transfers {
  select_transfers(soci::session& sql, const std::string& where)
      : st((sql.prepare
                << "SELECT t.id, t.reservation_id, t.seller_id, coalesce(t.buyer_id, ''), "
                   "coalesce(t.artist_id, ''), t.original_price, t.transfer_fee, "
                   "t.transfer_fee_percent, t.total_price, t.status, t.created_at, "
                   "t.completed_at, t.updated_at, coalesce(e.title, ''), coalesce(e.venue, ''), "
                   "coalesce(e.event_date, 0), coalesce(e.poster_url, ''), "
                   "coalesce(a.name, e.artist_name, ''), coalesce(a.image_url, '') "
                   "FROM ticket_transfers t JOIN reservations r ON r.id = t.reservation_id "
                   "LEFT JOIN events e ON e.id = r.event_id "
                   "LEFT JOIN artists a ON a.id = t.artist_id "
                << where << " LIMIT :max OFFSET :skip",
            soci::use(key, "key"), soci::use(max, "max"), soci::use(skip, "skip"), soci::into(id),
            soci::into(reservation), soci::into(seller), soci::into(buyer), soci::into(artist),
            soci::into(price), soci::into(fee), soci::into(percent), soci::into(total),
            soci::into(status), soci::into(created), soci::into(completed), soci::into(updated),
            soci::into(title), soci::into(venue), soci::into(date), soci::into(poster),
            soci::into(artist_name), soci::into(image))) {}

  transfer_view row() const {
    transfer_view out;
    out.terms.id = text_id<transfer_id>(id);
    out.terms.artist = text_id<artist_id>(artist);
    out.terms.original_price = price;
    out.terms.fee = fee;
    out.terms.fee_percent = percent;
    out.terms.total_price = total;
    out.terms.listed_at = from_millis(created);
    out.reservation = text_id<reservation_id>(reservation);
    out.seller = text_id<user_id>(seller);
    out.buyer = text_id<user_id>(buyer);
    out.status = transfer_status_of(status);
    out.completed_at = from_millis(completed);
    out.updated_at = from_millis(updated);
    out.event_title = title;
    out.venue = venue;
    out.event_date = from_millis(date);
    out.poster_url = poster;
    out.artist_name = artist_name;
    out.artist_image_url = image;
    return out;
  }

  std::vector<transfer_view> rows(std::string of, std::int64_t limit, std::int64_t offset = 0) {
    key = std::move(of);
    max = limit;
    skip = offset;
    std::vector<transfer_view> out;
    for (bool more = st.execute(true); more; more = st.fetch())
      out.push_back(row());
    return out;
  }

  std::string key, id, reservation, seller, buyer, artist, status, title, venue, poster,
      artist_name, image;
  long long price = 0;
  long long fee = 0;
  long long total = 0;
  long long created = 0;
  long long completed = 0;
  long long updated = 0;
  long long date = 0;
  long long max = 0;
  long long skip = 0;
  int percent = 0;
  soci::statement st;
};

struct transfer_by_id : select_transfers {
  explicit transfer_by_id(soci::session& sql) : select_transfers(sql, "WHERE t.id = :key") {}
};
struct transfers_on_offer : select_transfers {
  explicit transfers_on_offer(soci::session& sql)
      : select_transfers(sql, "WHERE t.status = 'listed' AND (:key = '' OR t.artist_id = :key) "
                              "ORDER BY t.created_at DESC, t.id DESC") {}
};
struct transfers_by_seller : select_transfers {
  explicit transfers_by_seller(soci::session& sql)
      : select_transfers(sql, "WHERE t.seller_id = :key ORDER BY t.created_at DESC, t.id DESC") {}
};

struct count_on_offer {
  explicit count_on_offer(soci::session& sql)
      : st((sql.prepare << "SELECT count(*) FROM ticket_transfers t JOIN reservations r "
                           "ON r.id = t.reservation_id WHERE t.status = 'listed' "
                           "AND (:key = '' OR t.artist_id = :key)",
            soci::use(key, "key"), soci::into(total))) {}

  std::string key;
  long long total = 0;
  soci::statement st;
};

struct select_labels {
  explicit select_labels(soci::session& sql)
      : st((sql.prepare << "SELECT s.seat_label FROM reservation_items i "
                           "JOIN seats s ON s.id = i.seat_id WHERE i.reservation_id = :key "
                           "ORDER BY i.line",
            soci::use(key, "key"), soci::into(label))) {}

  std::string key, label;
  soci::statement st;
};

struct select_artist_of {
  explicit select_artist_of(soci::session& sql)
      : st((sql.prepare << "SELECT coalesce(e.artist_id, '') FROM reservations r "
                           "LEFT JOIN events e ON e.id = r.event_id WHERE r.id = :key",
            soci::use(key, "key"), soci::into(artist))) {}

  std::string key, artist;
  soci::statement st;
};

class sql_transfer_queries final : public transfer_queries {
public:
  explicit sql_transfer_queries(database db) : guard_(std::move(db), "transfer queries") {}

  result<std::optional<transfer_view>> find(transfer_id id) override {
    using found = std::optional<transfer_view>;
    return guard_.run<found>([&]() -> found {
      auto rows = labelled(guard_.db().prepared<transfer_by_id>().rows(to_string(id), 1));
      if (rows.empty())
        return std::nullopt;
      return std::move(rows.front());
    });
  }

  result<transfer_page> listed(artist_id artist, std::int64_t limit, std::int64_t offset) override {
    return guard_.run<transfer_page>([&] {
      transfer_page out;
      auto& count = guard_.db().prepared<count_on_offer>();
      count.key = id_text(artist);
      one(count.st);
      out.total = count.total;
      out.transfers =
          labelled(guard_.db().prepared<transfers_on_offer>().rows(id_text(artist), limit, offset));
      return out;
    });
  }

  result<std::vector<transfer_view>> offered_by(user_id seller, std::int64_t limit) override {
    return guard_.run<std::vector<transfer_view>>([&] {
      return labelled(guard_.db().prepared<transfers_by_seller>().rows(to_string(seller), limit));
    });
  }

  result<std::optional<artist_id>> artist_of(reservation_id id) override {
    using found = std::optional<artist_id>;
    return guard_.run<found>([&]() -> found {
      auto& q = guard_.db().prepared<select_artist_of>();
      q.key = to_string(id);
      if (!one(q.st))
        return std::nullopt;
      return text_id<artist_id>(q.artist);
    });
  }

private:
  std::vector<transfer_view> labelled(std::vector<transfer_view> rows) {
    for (auto& row : rows) {
      auto& q = guard_.db().prepared<select_labels>();
      q.key = to_string(row.reservation);
      for (bool more = q.st.execute(true); more; more = q.st.fetch())
        row.seats += (row.seats.empty() ? "" : ", ") + q.label;
    }
    return rows;
  }

  query_guard guard_;
};

} // namespace

bool change_listing(database& db, const change_reservation& command, ticket_written& out) {
  if (apply(db, command))
    return true;
  auto& q = db.prepared<status_of_listing>();
  q.id = to_string(command.listing.terms.id);
  if (one(q.st))
    out.found_listing = transfer_status_of(q.status);
  return false;
}

void load_resale(database& db, reservation_view& view) {
  auto& q = db.prepared<select_resale>();
  q.key = to_string(view.id);
  for (bool more = q.st.execute(true); more; more = q.st.fetch()) {
    if (transfer_status_of(q.status) == transfer_status::completed) {
      view.spent.push_back(text_id<payment_id>(q.before));
      if (text_id<payment_id>(q.payment) == view.paid_by)
        view.bought_through = text_id<transfer_id>(q.id);
      continue;
    }
    view.listing.id = text_id<transfer_id>(q.id);
    view.listing.artist = text_id<artist_id>(q.artist);
    view.listing.original_price = q.price;
    view.listing.fee = q.fee;
    view.listing.fee_percent = q.percent;
    view.listing.total_price = q.total;
    view.listing.listed_at = from_millis(q.created);
  }
}

std::unique_ptr<transfer_queries> make_transfer_queries(database db) {
  return std::make_unique<sql_transfer_queries>(std::move(db));
}

} // namespace tiketi::sql
