#include "storage/sql/membership_store.hpp"

#include "storage/sql/query_guard.hpp"

#include <stdexcept>
#include <string>
#include <utility>

namespace tiketi::sql {

using namespace membership;
using ticket::ticket_written;

namespace {

constexpr const char* consumer = "ticket";

membership_status status_of(const std::string& word) {
  for (const auto s :
       {membership_status::pending, membership_status::active, membership_status::expired})
    if (to_string(s) == word)
      return s;
  throw std::runtime_error("unknown word in the database: " + word);
}

// -- statements that write -----------------------------------------------------------------------

struct insert_membership {
  explicit insert_membership(soci::session& sql)
      : st((sql.prepare << "INSERT INTO artist_memberships(id, user_id, artist_id, status, points, "
                           "price, paid_by, joined_at, expires_at, created_at, updated_at, "
                           "version) VALUES (:id, :user, :artist, :status, :points, :price, "
                           "nullif(:paid_by, ''), :joined, :expires, :created, :updated, 1) "
                           "ON CONFLICT DO NOTHING",
            soci::use(id, "id"), soci::use(user, "user"), soci::use(artist, "artist"),
            soci::use(status, "status"), soci::use(points, "points"), soci::use(price, "price"),
            soci::use(paid_by, "paid_by"), soci::use(joined, "joined"),
            soci::use(expires, "expires"), soci::use(created, "created"),
            soci::use(updated, "updated"))) {}

  std::string id, user, artist, status, paid_by;
  long long points = 0;
  long long price = 0;
  long long joined = 0;
  long long expires = 0;
  long long created = 0;
  long long updated = 0;
  soci::statement st;
};

struct update_membership {
  explicit update_membership(soci::session& sql)
      : st((sql.prepare << "UPDATE artist_memberships SET status = :status, points = :points, "
                           "price = :price, paid_by = nullif(:paid_by, ''), joined_at = :joined, "
                           "expires_at = :expires, updated_at = :updated, version = :version "
                           "WHERE id = :id AND version = :before",
            soci::use(status, "status"), soci::use(points, "points"), soci::use(price, "price"),
            soci::use(paid_by, "paid_by"), soci::use(joined, "joined"),
            soci::use(expires, "expires"), soci::use(updated, "updated"),
            soci::use(version, "version"), soci::use(id, "id"), soci::use(before, "before"))) {}

  std::string id, status, paid_by;
  long long points = 0;
  long long price = 0;
  long long joined = 0;
  long long expires = 0;
  long long updated = 0;
  long long version = 0;
  long long before = 0;
  soci::statement st;
};

struct insert_points {
  explicit insert_points(soci::session& sql)
      : st((sql.prepare << "INSERT INTO membership_points(id, membership_id, action_type, points, "
                           "description, reference_id, created_at) VALUES (:id, :membership, "
                           ":action, :points, :description, :reference, :at) "
                           "ON CONFLICT DO NOTHING",
            soci::use(id, "id"), soci::use(membership, "membership"), soci::use(action, "action"),
            soci::use(points, "points"), soci::use(description, "description"),
            soci::use(reference, "reference"), soci::use(at, "at"))) {}

  bool insert(const membership_id& to, const point_entry& e) {
    id = to_string(e.id);
    membership = to_string(to);
    action = e.action;
    points = e.points;
    description = e.description;
    reference = to_string(e.reference);
    at = to_millis(e.at);
    return run(st) == 1;
  }

  std::string id, membership, action, description, reference;
  long long points = 0;
  long long at = 0;
  soci::statement st;
};

struct add_points {
  explicit add_points(soci::session& sql)
      : st((sql.prepare << "UPDATE artist_memberships SET points = points + :points, "
                           "updated_at = :now, version = version + 1 WHERE id = :id",
            soci::use(points, "points"), soci::use(now, "now"), soci::use(id, "id"))) {}

  std::string id;
  long long points = 0;
  long long now = 0;
  soci::statement st;
};

/// Active memberships of a user that may be given points; of one artist, unless that is empty.
struct select_earning {
  explicit select_earning(soci::session& sql)
      : st((sql.prepare << "SELECT id FROM artist_memberships WHERE user_id = :user "
                           "AND (:any = 1 OR artist_id = :artist) AND status = 'active' "
                           "AND expires_at > :now ORDER BY id",
            soci::use(user, "user"), soci::use(any, "any"), soci::use(artist, "artist"),
            soci::use(now, "now"), soci::into(id))) {}

  std::string user, artist, id;
  int any = 0;
  long long now = 0;
  soci::statement st;
};

/// Entries for an action and reference in the user's memberships, as `select_earning`.
struct select_earned {
  explicit select_earned(soci::session& sql)
      : st((sql.prepare << "SELECT m.id, p.points FROM artist_memberships m "
                           "JOIN membership_points p ON p.membership_id = m.id "
                           "WHERE m.user_id = :user AND (:any = 1 OR m.artist_id = :artist) "
                           "AND p.action_type = :action AND p.reference_id = :reference "
                           "ORDER BY m.id",
            soci::use(user, "user"), soci::use(any, "any"), soci::use(artist, "artist"),
            soci::use(action, "action"), soci::use(reference, "reference"), soci::into(id),
            soci::into(points))) {}

  std::string user, artist, action, reference, id;
  int any = 0;
  long long points = 0;
  soci::statement st;
};

struct delete_artist_row {
  explicit delete_artist_row(soci::session& sql)
      : st((sql.prepare << "DELETE FROM artists WHERE id = :id", soci::use(id, "id"))) {}

  std::string id;
  soci::statement st;
};

struct put_artist_row {
  explicit put_artist_row(soci::session& sql)
      : st((sql.prepare << "INSERT INTO artists(id, name, image_url, membership_price) "
                           "VALUES (:id, :name, :image, :price) ON CONFLICT (id) DO UPDATE SET "
                           "name = excluded.name, image_url = excluded.image_url, "
                           "membership_price = excluded.membership_price",
            soci::use(id, "id"), soci::use(name, "name"), soci::use(image, "image"),
            soci::use(price, "price"))) {}

  std::string id, name, image;
  long long price = 0;
  soci::statement st;
};

bool write_row(database& db, const membership_row& next) {
  if (next.version == 1) {
    auto& q = db.prepared<insert_membership>();
    q.id = to_string(next.id);
    q.user = to_string(next.user);
    q.artist = to_string(next.artist);
    q.status = to_string(next.status);
    q.points = next.points;
    q.price = next.price;
    q.paid_by = id_text(next.paid_by);
    q.joined = to_millis(next.joined_at);
    q.expires = to_millis(next.expires_at);
    q.created = to_millis(next.created_at);
    q.updated = to_millis(next.updated_at);
    return run(q.st) == 1;
  }
  auto& q = db.prepared<update_membership>();
  q.id = to_string(next.id);
  q.status = to_string(next.status);
  q.points = next.points;
  q.price = next.price;
  q.paid_by = id_text(next.paid_by);
  q.joined = to_millis(next.joined_at);
  q.expires = to_millis(next.expires_at);
  q.updated = to_millis(next.updated_at);
  q.version = next.version;
  q.before = q.version - 1;
  return run(q.st) == 1;
}

ticket_written ended(commit_status status, bool duplicate = false) {
  ticket_written out;
  out.status = status;
  out.duplicate = duplicate;
  return out;
}

/// The memberships that a command is about, and what each gets.
std::vector<std::pair<membership_id, std::int64_t>> changed_by(database& db,
                                                               const post_points& command) {
  std::vector<std::pair<membership_id, std::int64_t>> out;
  if (command.revoke) {
    auto& q = db.prepared<select_earned>();
    q.user = to_string(command.user);
    q.any = command.artist.is_nil() ? 1 : 0;
    q.artist = to_string(command.artist);
    q.action = command.entry.action;
    q.reference = to_string(command.entry.reference);
    for (bool more = q.st.execute(true); more; more = q.st.fetch())
      out.emplace_back(text_id<membership_id>(q.id), -q.points);
    return out;
  }
  auto& q = db.prepared<select_earning>();
  q.user = to_string(command.user);
  q.any = command.artist.is_nil() ? 1 : 0;
  q.artist = to_string(command.artist);
  q.now = to_millis(command.entry.at);
  for (bool more = q.st.execute(true); more; more = q.st.fetch())
    out.emplace_back(text_id<membership_id>(q.id), command.entry.points);
  return out;
}

// -- statements that read ------------------------------------------------------------------------

constexpr const char* membership_columns =
    "SELECT m.id, m.user_id, m.artist_id, m.status, m.points, m.price, coalesce(m.paid_by, ''), "
    "m.joined_at, m.expires_at, m.created_at, m.updated_at, m.version, coalesce(a.name, ''), "
    "coalesce(a.image_url, ''), coalesce(a.membership_price, m.price) FROM artist_memberships m "
    "LEFT JOIN artists a ON a.id = m.artist_id ";

/// Reads memberships by two texts and a bound.
struct select_memberships {
  select_memberships(soci::session& sql, const char* where)
      : st((sql.prepare << membership_columns << where << " LIMIT :max", soci::use(key, "key"),
            soci::use(more, "more"), soci::use(max, "max"), soci::into(id), soci::into(user),
            soci::into(artist), soci::into(status), soci::into(points), soci::into(price),
            soci::into(paid_by), soci::into(joined), soci::into(expires), soci::into(created),
            soci::into(updated), soci::into(version), soci::into(name), soci::into(image),
            soci::into(current_price))) {}

  membership_view row() const {
    membership_view out;
    out.row.id = text_id<membership_id>(id);
    out.row.user = text_id<user_id>(user);
    out.row.artist = text_id<artist_id>(artist);
    out.row.status = status_of(status);
    out.row.points = points;
    out.row.price = price;
    out.row.paid_by = text_id<payment_id>(paid_by);
    out.row.joined_at = from_millis(joined);
    out.row.expires_at = from_millis(expires);
    out.row.created_at = from_millis(created);
    out.row.updated_at = from_millis(updated);
    out.row.version = static_cast<std::uint32_t>(version);
    out.artist = {out.row.artist, name, image, current_price};
    return out;
  }

  std::vector<membership_view> rows(std::string first, std::string second, std::size_t limit) {
    key = std::move(first);
    more = std::move(second);
    max = static_cast<long long>(limit);
    std::vector<membership_view> out;
    for (bool next = st.execute(true); next; next = st.fetch())
      out.push_back(row());
    return out;
  }

  std::string key, more, id, user, artist, status, paid_by, name, image;
  long long points = 0;
  long long price = 0;
  long long joined = 0;
  long long expires = 0;
  long long created = 0;
  long long updated = 0;
  long long version = 0;
  long long current_price = 0;
  long long max = 0;
  soci::statement st;
};

struct membership_by_id : select_memberships {
  explicit membership_by_id(soci::session& sql)
      : select_memberships(sql, "WHERE m.id = :key AND :more = ''") {}
};
struct membership_by_pair : select_memberships {
  explicit membership_by_pair(soci::session& sql)
      : select_memberships(sql, "WHERE m.user_id = :key AND m.artist_id = :more") {}
};
struct memberships_by_user : select_memberships {
  explicit memberships_by_user(soci::session& sql)
      : select_memberships(sql, "WHERE m.user_id = :key AND :more = '' "
                                "ORDER BY m.joined_at DESC, m.id DESC") {}
};
struct memberships_over : select_memberships {
  explicit memberships_over(soci::session& sql)
      : select_memberships(sql, "WHERE m.status = 'active' AND :more = '' "
                                "AND m.expires_at <= CAST(:key AS BIGINT) "
                                "ORDER BY m.expires_at, m.id") {}
};

struct select_points {
  explicit select_points(soci::session& sql)
      : st((sql.prepare << "SELECT id, action_type, points, description, reference_id, created_at "
                           "FROM membership_points WHERE membership_id = :key "
                           "ORDER BY created_at DESC, id DESC LIMIT :max",
            soci::use(key, "key"), soci::use(max, "max"), soci::into(id), soci::into(action),
            soci::into(points), soci::into(description), soci::into(reference), soci::into(at))) {}

  std::string key, id, action, description, reference;
  long long points = 0;
  long long at = 0;
  long long max = 0;
  soci::statement st;
};

struct select_reference {
  explicit select_reference(soci::session& sql)
      : st((sql.prepare << "SELECT count(*) FROM membership_points WHERE membership_id = :key "
                           "AND reference_id = :reference",
            soci::use(key, "key"), soci::use(reference, "reference"), soci::into(count))) {}

  std::string key, reference;
  long long count = 0;
  soci::statement st;
};

struct select_artist {
  explicit select_artist(soci::session& sql)
      : st((sql.prepare << "SELECT name, image_url, membership_price FROM artists WHERE id = :key",
            soci::use(key, "key"), soci::into(name), soci::into(image), soci::into(price))) {}

  std::string key, name, image;
  long long price = 0;
  soci::statement st;
};

struct select_artist_of_event {
  explicit select_artist_of_event(soci::session& sql)
      : st((sql.prepare << "SELECT coalesce(artist_id, '') FROM events WHERE id = :key",
            soci::use(key, "key"), soci::into(artist))) {}

  std::string key, artist;
  soci::statement st;
};

class sql_membership_queries final : public membership_queries {
public:
  explicit sql_membership_queries(database db) : guard_(std::move(db), "membership queries") {}

  result<std::optional<membership_view>> find(membership_id id) override {
    return first<membership_by_id>(to_string(id), {});
  }

  result<std::optional<membership_view>> find_of(user_id user, artist_id artist) override {
    return first<membership_by_pair>(to_string(user), to_string(artist));
  }

  result<std::vector<membership_view>> memberships_of(user_id user, std::size_t limit) override {
    return guard_.run<std::vector<membership_view>>([&] {
      return guard_.db().prepared<memberships_by_user>().rows(to_string(user), {}, limit);
    });
  }

  result<std::vector<point_entry>> points_of(membership_id id, std::size_t limit) override {
    return guard_.run<std::vector<point_entry>>([&] {
      std::vector<point_entry> out;
      auto& q = guard_.db().prepared<select_points>();
      q.key = to_string(id);
      q.max = static_cast<long long>(limit);
      for (bool more = q.st.execute(true); more; more = q.st.fetch())
        out.push_back({parse_uuid(q.id).value_or(uuid{}), q.action, q.points, q.description,
                       parse_uuid(q.reference).value_or(uuid{}), from_millis(q.at)});
      return out;
    });
  }

  result<bool> has_points_for(membership_id id, const uuid& reference) override {
    return guard_.run<bool>([&] {
      auto& q = guard_.db().prepared<select_reference>();
      q.key = to_string(id);
      q.reference = to_string(reference);
      return one(q.st) && q.count > 0;
    });
  }

  result<std::optional<artist_card>> artist(artist_id id) override {
    using found = std::optional<artist_card>;
    return guard_.run<found>([&]() -> found {
      auto& q = guard_.db().prepared<select_artist>();
      q.key = to_string(id);
      if (!one(q.st))
        return std::nullopt;
      return artist_card{id, q.name, q.image, q.price};
    });
  }

  result<artist_id> artist_of(event_id event) override {
    return guard_.run<artist_id>([&] {
      auto& q = guard_.db().prepared<select_artist_of_event>();
      q.key = to_string(event);
      return one(q.st) ? text_id<artist_id>(q.artist) : artist_id{};
    });
  }

  result<std::vector<membership_row>> over(time_point now, std::size_t limit) override {
    return guard_.run<std::vector<membership_row>>([&] {
      std::vector<membership_row> out;
      auto& q = guard_.db().prepared<memberships_over>();
      for (auto& view : q.rows(std::to_string(to_millis(now)), {}, limit))
        out.push_back(view.row);
      return out;
    });
  }

private:
  template <class Query>
  result<std::optional<membership_view>> first(std::string key, std::string more) {
    using found = std::optional<membership_view>;
    return guard_.run<found>([&]() -> found {
      auto rows = guard_.db().prepared<Query>().rows(std::move(key), std::move(more), 1);
      if (rows.empty())
        return std::nullopt;
      return std::move(rows.front());
    });
  }

  query_guard guard_;
};

} // namespace

ticket_written apply_membership(database& db, const change_membership& command, time_point now,
                                bool& dirty) {
  const bool marks = !command.message.is_nil();
  if (marks && is_processed(db, consumer, command.message))
    return ended(commit_status::committed, true);
  if (command.next.version > 0 && !write_row(db, command.next))
    return ended(commit_status::rejected);
  if (command.points && !db.prepared<insert_points>().insert(command.next.id, *command.points)) {
    dirty = true;
    return ended(commit_status::rejected);
  }
  if (marks && !mark_processed(db, consumer, command.message, now)) {
    dirty = true; // another node has applied it since
    return ended(commit_status::committed, true);
  }
  append_outbox(db, command.events);
  return ended(commit_status::committed);
}

ticket_written apply_membership(database& db, const post_points& command, time_point now, bool&) {
  if (!command.message.is_nil() && !mark_processed(db, consumer, command.message, now))
    return ended(commit_status::committed, true);
  // The entry decides: it is there once per membership, action and reference.
  auto out = ended(commit_status::committed);
  for (auto& [membership, points] : changed_by(db, command)) {
    auto entry = command.entry;
    entry.points = points;
    if (command.revoke)
      entry.action = revoked_action(entry.action);
    entry.id = point_entry_id(membership, entry.action, entry.reference);
    if (!db.prepared<insert_points>().insert(membership, entry))
      continue;
    auto& q = db.prepared<add_points>();
    q.id = to_string(membership);
    q.points = points;
    q.now = to_millis(entry.at);
    run(q.st);
    ++out.memberships;
  }
  return out;
}

ticket_written apply_membership(database& db, const put_artist_card& command, time_point now,
                                bool&) {
  if (!command.message.is_nil() && !mark_processed(db, consumer, command.message, now))
    return ended(commit_status::committed, true);
  if (command.removed) {
    auto& gone = db.prepared<delete_artist_row>();
    gone.id = to_string(command.artist.id);
    run(gone.st);
    return ended(commit_status::committed);
  }
  auto& q = db.prepared<put_artist_row>();
  q.id = to_string(command.artist.id);
  q.name = command.artist.name;
  q.image = command.artist.image_url;
  q.price = command.artist.membership_price;
  run(q.st);
  return ended(commit_status::committed);
}

std::unique_ptr<membership_queries> make_membership_queries(database db) {
  return std::make_unique<sql_membership_queries>(std::move(db));
}

} // namespace tiketi::sql
