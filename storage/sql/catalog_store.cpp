#include "storage/sql/catalog_store.hpp"

#include "actors/catalog/artist_changed.hpp"
#include "actors/catalog/event_changed.hpp"
#include "actors/catalog/layout.hpp"
#include "actors/catalog/search.hpp"
#include "storage/sql/catalog_rows.hpp"
#include "storage/sql/news_store.hpp"

#include <algorithm>
#include <stdexcept>
#include <type_traits>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace tiketi::sql {

namespace {

using namespace catalog;

/// An event with what the price list says about it.
struct item_columns {
  static std::string names() {
    return fmt::format("{}, (SELECT count(*) FROM ticket_types t WHERE t.event_id = e.id), "
                       "(SELECT min(t.price) FROM ticket_types t WHERE t.event_id = e.id), "
                       "(SELECT max(t.price) FROM ticket_types t WHERE t.event_id = e.id)",
                       event_columns::names);
  }

  void bind(query& q) {
    event.bind(q);
    q.into(types).into(min_price.value, min_price.present);
    q.into(max_price.value, max_price.present);
  }

  event_item row() const { return {event.row(), types, widen(min_price), widen(max_price)}; }

  static std::optional<std::int64_t> widen(const nullable<long long>& x) {
    return x.present == soci::i_ok ? std::optional<std::int64_t>(x.value) : std::nullopt;
  }

  event_columns event;
  long long types = 0;
  nullable<long long> min_price, max_price;
};

// -- writes ------------------------------------------------------------------------------------

/// Why one command is not carried out; the others of its batch are.
class rejection : public std::exception {
public:
  explicit rejection(failure reason) : why(std::move(reason)) {}
  const char* what() const noexcept override { return why.text.c_str(); }

  failure why;
};

[[noreturn]] void reject(errc code, std::string text) {
  throw rejection{failure{code, std::move(text)}};
}

void require_text(std::string_view text, std::size_t max, std::string_view field) {
  const auto length = std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80; // first bytes of UTF-8 characters
  });
  if (fold(text).empty() || static_cast<std::size_t>(length) > max)
    reject(errc::invalid_request, fmt::format("{} must have 1 to {} characters", field, max));
}

class sql_catalog_target final : public catalog_target {
public:
  sql_catalog_target(database db, environment& env) : db_(std::move(db)), env_(env) {}

  std::vector<catalog_written> commit(std::vector<catalog_write>& batch) override {
    std::vector<catalog_written> out(batch.size());
    if (!connected_ && !reconnect())
      return out;
    bool committing = false;
    try {
      transaction tx{db_};
      write_alone(db_); // other nodes write here too
      for (std::size_t i = 0; i < batch.size(); ++i)
        out[i] = attempt(batch[i]);
      committing = true;
      tx.commit();
    } catch (const std::exception& e) {
      db_.forget_prepared();
      connected_ = false;
      const bool doubt = committing && leaves_doubt(e, db_.kind());
      spdlog::error("catalog: {} writes {}: {}", batch.size(), doubt ? "are in doubt" : "failed",
                    e.what());
      for (auto& x : out)
        if (x.status != commit_status::rejected)
          x = {doubt ? commit_status::unknown : commit_status::failed, {}, false, 0};
    }
    return out;
  }

private:
  bool reconnect() {
    connected_ = db_.reconnect().has_value();
    return connected_;
  }

  /// One command between savepoints, so that its refusal leaves the batch intact.
  catalog_written attempt(const catalog_write& write) {
    catalog_written out;
    out.status = commit_status::committed;
    events_.clear();
    about_ = {};
    now_ = env_.now();
    db_.session() << "SAVEPOINT command";
    try {
      out.changed = std::visit([this](const auto& x) { return apply(x); }, write.command);
      // Of members a kept answer may be behind for its short life.
      if (out.changed && !std::holds_alternative<count_members>(write.command))
        add_news(db_);
      append_outbox(db_, events_);
      out.events = events_.size();
      if (!events_.empty())
        out.message = events_.back().id;
      load_result(out);
      if (write.audit)
        note(*write.audit, write.audit->status);
    } catch (const rejection& e) {
      return refuse(write, e.why);
    } catch (const std::exception& e) {
      if (!is_constraint_violation(e, db_.kind()))
        throw;
      db_.forget_prepared();
      spdlog::warn("catalog: a write was refused by the database: {}", e.what());
      return refuse(write, {errc::conflict, "The change contradicts what the catalog holds"});
    }
    db_.session() << "RELEASE SAVEPOINT command";
    return out;
  }

  catalog_written refuse(const catalog_write& write, failure why) {
    db_.session() << "ROLLBACK TO SAVEPOINT command";
    db_.session() << "RELEASE SAVEPOINT command";
    if (write.audit)
      note(*write.audit, info(why.code).status);
    return {commit_status::rejected, std::move(why), false, 0};
  }

  void note(const audit_note& x, int status) {
    query q{db_};
    q << "INSERT INTO admin_audit_logs(at, admin_user_id, client_address, action, resource_type, "
         "resource_id, response_status, detail) VALUES (";
    q.value(now_) << ", ";
    q.value(to_string(x.admin)) << ", ";
    q.value(x.address) << ", ";
    q.value(x.action) << ", ";
    q.value(x.resource_type) << ", ";
    q.value(x.resource ? std::optional(to_string(*x.resource)) : std::nullopt) << ", ";
    q.value(std::int64_t{status}) << ", ";
    q.value(x.detail) << ")";
    q.run();
  }

  /// What the command was about, as it stands now.
  void load_result(catalog_written& out) {
    if (!about_.event.is_nil())
      if (auto found = load_event(db_, about_.event))
        out.event = std::move(found->event);
    if (!about_.type.is_nil())
      out.type = load_type(db_, about_.type);
    if (!about_.artist.is_nil())
      out.artist = load_artist(db_, about_.artist);
    if (!about_.layout.is_nil())
      out.layout = load_layout(db_, about_.layout);
  }

  bool apply(const put_artist& x) {
    const auto& a = x.artist;
    if (a.id.is_nil())
      reject(errc::invalid_request, "artist id is missing");
    require_text(a.name, 255, "name");
    if (a.membership_price < 0)
      reject(errc::invalid_request, "membership price must not be negative");
    std::string old_name;
    query before{db_};
    before << "SELECT name FROM artists WHERE id = ";
    const bool exists = before.value(a.id).into(old_name).run();
    if (const auto other = artist_named(a.name); other && *other != a.id)
      reject(errc::conflict, fmt::format("there is another artist named {}", a.name));
    query q{db_};
    q << "INSERT INTO artists(id, name, image_url, description, membership_price, created_at, "
         "updated_at) VALUES (";
    q.value(a.id) << ", ";
    q.value(a.name) << ", ";
    q.value(a.image_url) << ", ";
    q.value(a.description) << ", ";
    q.value(a.membership_price) << ", ";
    q.value(now_) << ", ";
    q.value(now_) << ") ON CONFLICT (id) DO UPDATE SET name = excluded.name, "
                     "image_url = excluded.image_url, description = excluded.description, "
                     "membership_price = excluded.membership_price, "
                     "updated_at = excluded.updated_at";
    q.run();
    publish(a);
    if (exists && old_name != a.name)
      rename_on_events(a);
    about_.artist = a.id;
    return true;
  }

  bool apply(const count_members& x) {
    if (!mark_processed(db_, "catalog", x.message, now_))
      return false;
    query q{db_};
    q << "INSERT INTO artist_members(artist_id, members) VALUES (";
    q.value(x.artist) << ", ";
    q.value(x.change) << ") ON CONFLICT (artist_id) DO UPDATE SET "
                         "members = artist_members.members + excluded.members";
    q.run();
    return true;
  }

  void rename_on_events(const artist_row& a) {
    std::vector<event_id> ids;
    std::string id;
    query q{db_};
    q << "SELECT id FROM events WHERE artist_id = ";
    q.value(a.id) << " ORDER BY id";
    q.into(id);
    for (bool more = q.run(); more; more = q.next())
      ids.push_back(to_id<event_id>(id));
    for (const auto& event : ids) {
      auto detail = load_event(db_, event);
      detail->event.artist_name = a.name;
      query update{db_};
      update << "UPDATE events SET artist_name = ";
      update.value(a.name) << ", search_text = ";
      update.value(search_text(detail->event)) << ", updated_at = ";
      update.value(now_) << " WHERE id = ";
      update.value(event).run();
      publish(event);
    }
  }

  bool apply(const put_layout& x) {
    const auto& l = x.layout;
    if (l.id.is_nil())
      reject(errc::invalid_request, "layout id is missing");
    require_text(l.name, 100, "name");
    const auto plan = parse_layout(l.config);
    if (!plan)
      throw rejection{plan.error()};
    const auto before = load_layout(db_, l.id);
    const auto users = events_with(l.id);
    if (before && before->config != l.config && !users.empty())
      reject(errc::conflict, "events use this layout, so its seats cannot change");
    query q{db_};
    q << "INSERT INTO seat_layouts(id, name, description, total_seats, config, created_at, "
         "updated_at) VALUES (";
    q.value(l.id) << ", ";
    q.value(l.name) << ", ";
    q.value(l.description) << ", ";
    q.value(std::int64_t{plan->total_seats}) << ", ";
    q.value(l.config) << ", ";
    q.value(now_) << ", ";
    q.value(now_) << ") ON CONFLICT (id) DO UPDATE SET name = excluded.name, "
                     "description = excluded.description, total_seats = excluded.total_seats, "
                     "config = excluded.config, updated_at = excluded.updated_at";
    q.run();
    for (const auto& event : users)
      publish(event);
    about_.layout = l.id;
    return true;
  }

  std::vector<event_id> events_with(layout_id layout) {
    std::vector<event_id> out;
    std::string id;
    query q{db_};
    q << "SELECT id FROM events WHERE layout_id = ";
    q.value(layout) << " ORDER BY id";
    q.into(id);
    for (bool more = q.run(); more; more = q.next())
      out.push_back(to_id<event_id>(id));
    return out;
  }

  bool apply(const put_event& x) {
    auto e = x.event;
    check(e);
    const auto before = load_event(db_, e.id);
    // Seats may have been generated, and sold, from the layout the event began with.
    if (before && before->event.layout != e.layout && !x.new_layout)
      reject(errc::conflict, "the seat layout of an event cannot change");
    if (!e.layout.is_nil() && !load_layout(db_, e.layout))
      reject(errc::invalid_request, "there is no such seat layout");
    if (before) {
      e.cancelled = e.cancelled || before->event.cancelled;
      e.deleted = before->event.deleted;
    }
    link_artist(e);
    query q{db_};
    q << "INSERT INTO events(id, title, description, venue, address, event_date, sale_start, "
         "sale_end, poster_url, cancelled, layout_id, artist_id, artist_name, pre_scaled, "
         "created_by, search_text, created_at, updated_at, seats_offered, deleted) VALUES (";
    q.value(e.id) << ", ";
    q.value(e.title) << ", ";
    q.value(e.description) << ", ";
    q.value(e.venue) << ", ";
    q.value(e.address) << ", ";
    q.value(e.event_date) << ", ";
    q.value(e.sale_start) << ", ";
    q.value(e.sale_end) << ", ";
    q.value(e.poster_url) << ", ";
    q.value(std::int64_t{e.cancelled}) << ", ";
    q.value(e.layout) << ", ";
    q.value(e.artist) << ", ";
    q.value(e.artist_name) << ", ";
    q.value(std::int64_t{e.pre_scaled}) << ", ";
    q.value(e.created_by) << ", ";
    q.value(search_text(e)) << ", ";
    q.value(now_) << ", ";
    q.value(now_) << ", ";
    q.value(std::int64_t{e.seats_offered}) << ", ";
    q.value(std::int64_t{e.deleted})
        << ") ON CONFLICT (id) DO UPDATE SET title = excluded.title, "
           "description = excluded.description, venue = excluded.venue, "
           "address = excluded.address, event_date = excluded.event_date, "
           "sale_start = excluded.sale_start, sale_end = excluded.sale_end, "
           "poster_url = excluded.poster_url, cancelled = excluded.cancelled, "
           "layout_id = excluded.layout_id, seats_offered = excluded.seats_offered, "
           "deleted = excluded.deleted, "
           "artist_id = excluded.artist_id, artist_name = excluded.artist_name, "
           "pre_scaled = excluded.pre_scaled, search_text = excluded.search_text, "
           "updated_at = excluded.updated_at";
    q.run();
    for (const auto& type : x.types)
      put_type(e.id, type);
    publish(e.id);
    about_ = {.event = e.id};
    return true;
  }

  bool apply(const edit_event& x) {
    auto e = known_event(x.event, "Event not found");
    e.title = x.to.title;
    e.description = x.to.description;
    e.venue = x.to.venue;
    e.address = x.to.address;
    e.event_date = x.to.event_date;
    e.sale_start = x.to.sale_start;
    e.sale_end = x.to.sale_end;
    e.poster_url = x.to.poster_url;
    if (e.artist_name != x.to.artist_name) {
      e.artist = {};
      e.artist_name = x.to.artist_name;
    }
    bool new_layout = false;
    if (!x.to.layout.is_nil() && x.to.layout != e.layout) {
      new_layout = x.new_layout;
      e.layout = x.to.layout;
      e.seats_offered = true;
    }
    return apply(put_event{std::move(e), {}, new_layout});
  }

  bool apply(const cancel_event& x) {
    constexpr const char* missing = "Event not found or already cancelled";
    if (known_event(x.event, missing).cancelled)
      reject(errc::not_found, missing);
    set_flags(x.event, "cancelled = 1");
    return true;
  }

  bool apply(const delete_event& x) {
    known_event(x.event, "Event not found");
    set_flags(x.event, "cancelled = 1, deleted = 1");
    return true;
  }

  bool apply(const offer_seats& x) {
    const auto e = known_event(x.event, "Event not found");
    if (x.offered && e.layout.is_nil())
      reject(errc::invalid_request, "Seat layout is not configured for this event");
    set_flags(x.event, x.offered ? "seats_offered = 1" : "seats_offered = 0");
    return true;
  }

  bool apply(const put_ticket_type& x) {
    auto event = x.event;
    if (x.exists) {
      const auto before = load_type(db_, x.type.id);
      if (!before || (!event.is_nil() && before->event != event))
        reject(errc::not_found, "Ticket type not found");
      event = before->event;
    }
    known_event(event, x.exists ? "Ticket type not found" : "Event not found");
    put_type(event, x.type);
    publish(event);
    about_ = {.event = event, .type = x.type.id};
    return true;
  }

  bool apply(const remove_layout& x) {
    if (!load_layout(db_, x.layout))
      reject(errc::not_found, "Seat layout not found");
    if (!events_with(x.layout).empty())
      reject(errc::conflict, "Events use this seat layout");
    query q{db_};
    q << "DELETE FROM seat_layouts WHERE id = ";
    q.value(x.layout).run();
    return true;
  }

  bool apply(const remove_artist& x) {
    if (!load_artist(db_, x.artist))
      reject(errc::not_found, "Artist not found");
    long long events = 0;
    query used{db_};
    used << "SELECT count(*) FROM events WHERE artist_id = ";
    used.value(x.artist).into(events).run();
    if (events > 0)
      reject(errc::conflict, "Events name this artist");
    long long members = 0;
    query joined{db_};
    joined << "SELECT members FROM artist_members WHERE artist_id = ";
    joined.value(x.artist).into(members).run();
    if (members > 0)
      reject(errc::conflict, "This artist has members");
    query q{db_};
    q << "DELETE FROM artists WHERE id = ";
    q.value(x.artist).run();
    events_.push_back(artist_event(x.artist, artist_removed_type, removed_artist(x.artist)));
    return true;
  }

  bool apply(const describe_artist& x) {
    if (!load_artist(db_, x.artist))
      reject(errc::not_found, "Artist not found");
    query q{db_};
    q << "UPDATE artists SET image_url = coalesce(nullif(image_url, ''), ";
    q.value(x.image_url) << "), description = coalesce(nullif(description, ''), ";
    q.value(x.description) << "), updated_at = ";
    q.value(now_) << " WHERE id = ";
    q.value(x.artist).run();
    publish(*load_artist(db_, x.artist));
    about_ = {.artist = x.artist};
    return true;
  }

  bool apply(const announce_artists&) {
    // Any fixed id will do: it says that this was done.
    static const auto done = *parse_uuid("6a1f3c52-7d0e-4b8e-9a55-0c9d2f0b7e11");
    if (!mark_processed(db_, "catalog-artists", done, now_))
      return false;
    std::vector<artist_id> ids;
    std::string id;
    query q{db_};
    q << "SELECT id FROM artists ORDER BY id";
    q.into(id);
    for (bool more = q.run(); more; more = q.next())
      ids.push_back(to_id<artist_id>(id));
    for (const auto& artist : ids)
      publish(*load_artist(db_, artist));
    return true;
  }

  bool apply(const note_call&) { return false; }

  /// An event that was not deleted.
  event_row known_event(event_id id, const char* missing) {
    auto found = load_event(db_, id);
    if (!found || found->event.deleted)
      reject(errc::not_found, missing);
    return std::move(found->event);
  }

  void set_flags(event_id id, std::string_view flags) {
    query q{db_};
    q << "UPDATE events SET " << flags << ", updated_at = ";
    q.value(now_) << " WHERE id = ";
    q.value(id).run();
    publish(id);
    about_ = {.event = id};
  }

  static void check(const event_row& e) {
    if (e.id.is_nil())
      reject(errc::invalid_request, "event id is missing");
    require_text(e.title, 255, "title");
    require_text(e.venue, 255, "venue");
    if (e.sale_start && e.sale_end && *e.sale_end <= *e.sale_start)
      reject(errc::invalid_request, "saleEndDate must be later than saleStartDate");
  }

  void link_artist(event_row& e) {
    if (!e.artist.is_nil()) {
      std::string name;
      query q{db_};
      q << "SELECT name FROM artists WHERE id = ";
      if (!q.value(e.artist).into(name).run())
        reject(errc::invalid_request, "there is no such artist");
      e.artist_name = name;
      return;
    }
    if (!e.artist_name || fold(*e.artist_name).empty()) {
      e.artist_name.reset();
      return;
    }
    if (const auto known = artist_named(*e.artist_name)) {
      e.artist = *known;
      return;
    }
    artist_row created;
    created.id = artist_id{make_uuid(env_)};
    created.name = *e.artist_name;
    apply(put_artist{created});
    e.artist = created.id;
  }

  std::optional<artist_id> artist_named(const std::string& name) {
    std::string id;
    query q{db_};
    q << "SELECT id FROM artists WHERE name = ";
    if (!q.value(name).into(id).run())
      return std::nullopt;
    return to_id<artist_id>(id);
  }

  void put_type(event_id event, const ticket_type_row& type) {
    if (type.id.is_nil())
      reject(errc::invalid_request, "ticket type id is missing");
    require_text(type.name, 100, "ticket type name");
    if (type.price < 0)
      reject(errc::invalid_request, "ticket type price must not be negative");
    if (type.total < 1)
      reject(errc::invalid_request, "ticket type quantity must be at least 1");
    std::string owner;
    query before{db_};
    before << "SELECT event_id FROM ticket_types WHERE id = ";
    if (before.value(type.id).into(owner).run() && owner != to_string(event))
      reject(errc::conflict, "the ticket type belongs to another event");
    query q{db_};
    q << "INSERT INTO ticket_types(id, event_id, name, description, price, total_quantity, "
         "created_at, updated_at) VALUES (";
    q.value(type.id) << ", ";
    q.value(event) << ", ";
    q.value(type.name) << ", ";
    q.value(type.description) << ", ";
    q.value(type.price) << ", ";
    q.value(std::int64_t{type.total}) << ", ";
    q.value(now_) << ", ";
    q.value(now_) << ") ON CONFLICT (id) DO UPDATE SET name = excluded.name, "
                     "description = excluded.description, price = excluded.price, "
                     "total_quantity = excluded.total_quantity, updated_at = excluded.updated_at";
    q.run();
  }

  bool apply(const put_keyword& x) {
    require_text(x.mapping.korean, 255, "korean");
    require_text(x.mapping.english, 255, "english");
    query q{db_};
    q << "INSERT INTO keyword_mappings(korean, english, entity_type) VALUES (";
    q.value(x.mapping.korean) << ", ";
    q.value(x.mapping.english) << ", ";
    q.value(x.mapping.entity_type)
        << ") ON CONFLICT (korean, english) DO UPDATE SET entity_type = excluded.entity_type";
    q.run();
    return true;
  }

  bool apply(const seed_catalog& x) {
    int rows = 0;
    db_.session() << "SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM seat_layouts) "
                     "+ (SELECT count(*) FROM artists)",
        soci::into(rows);
    if (rows > 0)
      return false;
    for (const auto& artist : x.artists)
      apply(artist);
    for (const auto& layout : x.layouts)
      apply(layout);
    for (const auto& event : x.events)
      apply(event);
    for (const auto& keyword : x.keywords)
      apply(keyword);
    return true;
  }

  static std::string search_text(const event_row& e) {
    return fold(fmt::format("{} {} {} {}", e.title, e.artist_name.value_or(""), e.venue,
                            e.address.value_or("")));
  }

  domain_event artist_event(artist_id artist, std::string_view type, std::string payload) {
    domain_event e;
    e.id = make_uuid(env_);
    e.topic = catalog_topic;
    e.key = to_string(artist);
    e.type = type;
    e.occurred_at = now_;
    e.payload = std::move(payload);
    return e;
  }

  void publish(const artist_row& artist) {
    events_.push_back(artist_event(artist.id, artist_changed_type, to_json(artist)));
  }

  /// Tells the other roles, in this transaction, how the event stands now.
  void publish(event_id id) {
    auto detail = load_event(db_, id);
    event_changed change;
    if (!detail->event.layout.is_nil())
      change.layout = load_layout(db_, detail->event.layout);
    change.event = std::move(detail->event);
    change.types = std::move(detail->types);
    domain_event e;
    e.id = make_uuid(env_);
    e.topic = catalog_topic;
    e.key = to_string(id);
    e.type = event_changed_type;
    e.occurred_at = now_;
    e.payload = to_json(change);
    events_.push_back(std::move(e));
  }

  database db_;
  environment& env_;
  bool connected_ = true;
  struct subject {
    event_id event = {};
    ticket_type_id type = {};
    artist_id artist = {};
    layout_id layout = {};
  };

  time_point now_;                   ///< of the command in hand
  subject about_;                    ///< of the command in hand
  std::vector<domain_event> events_; ///< of the command in hand
};

// -- reads -------------------------------------------------------------------------------------

/// All statements until its end see one state of the database.
class snapshot {
public:
  explicit snapshot(database& db) : db_(db) {
    db.session() << (db.kind() == dialect::sqlite
                         ? "BEGIN"
                         : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  }
  snapshot(const snapshot&) = delete;
  snapshot& operator=(const snapshot&) = delete;
  ~snapshot() {
    try {
      db_.session() << "ROLLBACK";
    } catch (const std::exception&) {
      // The connection is gone, and the transaction with it.
    }
  }

private:
  database& db_;
};

class sql_catalog_queries final : public catalog_queries {
public:
  explicit sql_catalog_queries(database db) : db_(std::move(db)) {}

  result<event_page> events(const event_filter& filter, time_point now) override {
    return guarded<event_page>([&] {
      event_page out;
      const auto variants =
          filter.text.empty() ? std::vector<std::string>{} : expand_query(filter.text, keywords());
      long long total = 0;
      query count{db_};
      count << "SELECT count(*) FROM events e";
      where(count, filter, variants, now);
      count.into(total).run();
      out.total = total;

      item_columns columns;
      query q{db_};
      q << "SELECT " << item_columns::names() << " FROM events e";
      where(q, filter, variants, now);
      q << " ORDER BY (e.sale_start IS NULL), e.sale_start, e.id LIMIT ";
      q.value(std::int64_t{filter.limit}) << " OFFSET ";
      q.value(std::int64_t{filter.page - 1} * filter.limit);
      columns.bind(q);
      for (bool more = q.run(); more; more = q.next())
        out.events.push_back(columns.row());
      return out;
    });
  }

  result<std::optional<event_detail>> event(event_id id) override {
    return guarded<std::optional<event_detail>>([&]() -> std::optional<event_detail> {
      auto found = load_event(db_, id);
      if (found && found->event.deleted)
        return std::nullopt;
      return found;
    });
  }

  result<artist_page> artists(std::int32_t page, std::int32_t limit) override {
    return guarded<artist_page>([&] {
      artist_page out;
      long long total = 0;
      query count{db_};
      count << "SELECT count(*) FROM artists";
      count.into(total).run();
      out.total = total;

      artist_columns columns;
      long long events = 0;
      query q{db_};
      q << "SELECT " << artist_columns::names
        << ", (SELECT count(*) FROM events e WHERE e.artist_id = a.id AND e.deleted = 0), "
           "coalesce((SELECT m.members FROM artist_members m WHERE m.artist_id = a.id), 0) "
           "FROM artists a "
           "ORDER BY a.name, a.id LIMIT ";
      q.value(std::int64_t{limit}) << " OFFSET ";
      q.value(std::int64_t{page - 1} * limit);
      columns.bind(q);
      long long members = 0;
      q.into(events).into(members);
      for (bool more = q.run(); more; more = q.next())
        out.artists.push_back({columns.row(), events, members});
      return out;
    });
  }

  result<std::optional<artist_detail>> artist(artist_id id) override {
    return guarded<std::optional<artist_detail>>([&]() -> std::optional<artist_detail> {
      artist_detail out;
      auto found = load_artist(db_, id);
      if (!found)
        return std::nullopt;
      out.artist = std::move(*found);

      long long members = 0;
      query count{db_};
      count << "SELECT members FROM artist_members WHERE artist_id = ";
      if (count.value(id).into(members).run())
        out.member_count = members;

      item_columns items;
      query events{db_};
      events << "SELECT " << item_columns::names() << " FROM events e WHERE e.artist_id = ";
      events.value(id) << " AND e.deleted = 0 ORDER BY e.event_date, e.id LIMIT 500";
      items.bind(events);
      for (bool more = events.run(); more; more = events.next())
        out.events.push_back(items.row());
      return out;
    });
  }

  result<std::optional<time_point>> next_status_change(time_point now) override {
    return guarded<std::optional<time_point>>([&]() -> std::optional<time_point> {
      std::optional<time_point> first;
      for (const std::string_view column : {"sale_start", "sale_end", "event_date"}) {
        long long at = 0;
        query q{db_};
        q << "SELECT " << column << " FROM events WHERE cancelled = 0 AND " << column << " > ";
        q.value(now) << " ORDER BY " << column << " LIMIT 1";
        if (q.into(at).run() && (!first || from_millis(at) < *first))
          first = from_millis(at);
      }
      return first;
    });
  }

private:
  template <class T, class F>
  result<T> guarded(F f) {
    try {
      if (!connected_) {
        if (!db_.reconnect())
          return failure{errc::unavailable};
        connected_ = true;
      }
      const snapshot view{db_};
      return f();
    } catch (const std::exception& e) {
      db_.forget_prepared();
      connected_ = false;
      // The text is for the log: a client must not see it.
      spdlog::error("catalog: a read failed: {}", e.what());
      return failure{errc::unavailable};
    }
  }

  std::vector<keyword_mapping> keywords() {
    std::vector<keyword_mapping> out;
    keyword_mapping row;
    query q{db_};
    q << "SELECT korean, english, entity_type FROM keyword_mappings "
         "ORDER BY korean, english LIMIT 1000";
    q.into(row.korean).into(row.english).into(row.entity_type);
    for (bool more = q.run(); more; more = q.next())
      out.push_back(row);
    return out;
  }

  /// The same rule as `status_at`, in SQL.
  static void where(query& q, const event_filter& filter, const std::vector<std::string>& variants,
                    time_point now) {
    q << " WHERE e.deleted = 0";
    if (filter.status) {
      q << " AND e.cancelled = " << (*filter.status == event_status::cancelled ? "1" : "0");
      auto open = [&] {
        q << " AND e.event_date > ";
        q.value(now) << " AND coalesce(e.sale_end, e.event_date) > ";
        q.value(now);
      };
      switch (*filter.status) {
      case event_status::upcoming:
        open();
        q << " AND coalesce(e.sale_start, 0) > ";
        q.value(now);
        break;
      case event_status::on_sale:
        open();
        q << " AND coalesce(e.sale_start, 0) <= ";
        q.value(now);
        break;
      case event_status::ended:
        q << " AND (e.event_date <= ";
        q.value(now) << " OR coalesce(e.sale_end, e.event_date) <= ";
        q.value(now) << ")";
        break;
      case event_status::cancelled:
        break;
      }
    }
    if (variants.empty())
      return;
    q << " AND (";
    for (std::size_t i = 0; i < variants.size(); ++i) {
      q << (i == 0 ? "e.search_text LIKE " : " OR e.search_text LIKE ");
      q.value(like_pattern(variants[i])) << " ESCAPE '\\'";
    }
    q << ")";
  }

  database db_;
  bool connected_ = true;
};

} // namespace

std::shared_ptr<catalog_target> make_catalog_target(database db, environment& env) {
  return std::make_shared<sql_catalog_target>(std::move(db), env);
}

std::unique_ptr<catalog_queries> make_catalog_queries(database db) {
  return std::make_unique<sql_catalog_queries>(std::move(db));
}

} // namespace tiketi::sql
