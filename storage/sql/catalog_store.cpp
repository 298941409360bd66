#include "storage/sql/catalog_store.hpp"

#include "actors/catalog/artist_changed.hpp"
#include "actors/catalog/event_changed.hpp"
#include "actors/catalog/layout.hpp"
#include "actors/catalog/search.hpp"

#include <deque>
#include <stdexcept>
#include <type_traits>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace tiketi::sql {

namespace {

using namespace catalog;

/// A statement that is put together from text and values, in order. For queries that are too
/// varied or too rare to be kept prepared.
class query {
public:
  explicit query(database& db) : statement_(db.session()) {}

  query& operator<<(std::string_view text) {
    text_ += text;
    return *this;
  }

  query& value(std::int64_t number) {
    numbers_.push_back(number);
    statement_.exchange(soci::use(numbers_.back()));
    return placeholder();
  }

  query& value(std::string text) {
    texts_.push_back(std::move(text));
    statement_.exchange(soci::use(texts_.back()));
    return placeholder();
  }

  query& value(time_point t) { return value(to_millis(t)); }

  query& value(const std::optional<std::string>& text) {
    texts_.push_back(text.value_or(""));
    indicators_.push_back(text ? soci::i_ok : soci::i_null);
    statement_.exchange(soci::use(texts_.back(), indicators_.back()));
    return placeholder();
  }

  query& value(const std::optional<time_point>& t) {
    numbers_.push_back(t ? to_millis(*t) : 0);
    indicators_.push_back(t ? soci::i_ok : soci::i_null);
    statement_.exchange(soci::use(numbers_.back(), indicators_.back()));
    return placeholder();
  }

  template <class Tag>
  query& value(const basic_id<Tag>& id) {
    return value(id.is_nil() ? std::optional<std::string>{} : to_string(id));
  }

  template <class T>
  query& into(T& column) {
    statement_.exchange(soci::into(column));
    return *this;
  }

  template <class T>
  query& into(T& column, soci::indicator& present) {
    statement_.exchange(soci::into(column, present));
    return *this;
  }

  /// Runs it; true when there is a (first) row.
  bool run() {
    statement_.alloc();
    statement_.prepare(text_);
    statement_.define_and_bind();
    return statement_.execute(true);
  }

  bool next() { return statement_.fetch(); }

private:
  query& placeholder() {
    text_ += fmt::format(":p{}", count_++);
    return *this;
  }

  std::string text_;
  std::size_t count_ = 0;
  // SOCI keeps references until the statement has run; these do not move.
  std::deque<long long> numbers_;
  std::deque<std::string> texts_;
  std::deque<soci::indicator> indicators_;
  soci::statement statement_;
};

template <class T>
struct nullable {
  T value{};
  soci::indicator present = soci::i_null;

  std::optional<T> get() const {
    return present == soci::i_ok ? std::optional<T>(value) : std::nullopt;
  }
};

std::optional<time_point> to_time(const nullable<long long>& x) {
  return x.present == soci::i_ok ? std::optional(from_millis(x.value)) : std::nullopt;
}

template <class Id>
Id to_id(const std::string& text) {
  return parse_id<Id>(text).value_or(Id{});
}

template <class Id>
Id to_id(const nullable<std::string>& x) {
  return x.present == soci::i_ok ? to_id<Id>(x.value) : Id{};
}

// -- rows --------------------------------------------------------------------------------------

struct event_columns {
  static constexpr std::string_view names =
      "e.id, e.title, e.description, e.venue, e.address, e.event_date, e.sale_start, e.sale_end, "
      "e.poster_url, e.cancelled, e.layout_id, e.artist_id, e.artist_name, e.pre_scaled, "
      "e.created_by, e.created_at, e.updated_at";

  void bind(query& q) {
    q.into(id).into(title).into(description.value, description.present).into(venue);
    q.into(address.value, address.present).into(event_date);
    q.into(sale_start.value, sale_start.present).into(sale_end.value, sale_end.present);
    q.into(poster.value, poster.present).into(cancelled).into(layout.value, layout.present);
    q.into(artist.value, artist.present).into(artist_name.value, artist_name.present);
    q.into(pre_scaled).into(created_by.value, created_by.present);
    q.into(created_at).into(updated_at);
  }

  event_row row() const {
    event_row out;
    out.id = to_id<event_id>(id);
    out.title = title;
    out.description = description.get();
    out.venue = venue;
    out.address = address.get();
    out.event_date = from_millis(event_date);
    out.sale_start = to_time(sale_start);
    out.sale_end = to_time(sale_end);
    out.poster_url = poster.get();
    out.cancelled = cancelled != 0;
    out.layout = to_id<layout_id>(layout);
    out.artist = to_id<artist_id>(artist);
    out.artist_name = artist_name.get();
    out.pre_scaled = pre_scaled != 0;
    out.created_by = to_id<user_id>(created_by);
    out.created_at = from_millis(created_at);
    out.updated_at = from_millis(updated_at);
    return out;
  }

  std::string id, title, venue;
  nullable<std::string> description, address, poster, layout, artist, artist_name, created_by;
  nullable<long long> sale_start, sale_end;
  long long event_date = 0, created_at = 0, updated_at = 0;
  int cancelled = 0, pre_scaled = 0;
};

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

struct artist_columns {
  static constexpr std::string_view names = "a.id, a.name, a.image_url, a.description, "
                                            "a.membership_price, a.created_at, a.updated_at";

  void bind(query& q) {
    q.into(id).into(name).into(image.value, image.present);
    q.into(description.value, description.present).into(price).into(created_at).into(updated_at);
  }

  artist_row row() const {
    return {to_id<artist_id>(id),   name,  image.get(),
            description.get(),      price, from_millis(created_at),
            from_millis(updated_at)};
  }

  std::string id, name;
  nullable<std::string> image, description;
  long long price = 0, created_at = 0, updated_at = 0;
};

std::optional<event_detail> load_event(database& db, event_id id) {
  event_detail out;
  event_columns columns;
  query q{db};
  q << "SELECT " << event_columns::names << " FROM events e WHERE e.id = ";
  q.value(id);
  columns.bind(q);
  if (!q.run())
    return std::nullopt;
  out.event = columns.row();

  std::string type_id;
  ticket_type_row type;
  nullable<std::string> description;
  long long price = 0;
  int total = 0;
  query types{db};
  types << "SELECT id, name, description, price, total_quantity FROM ticket_types "
           "WHERE event_id = ";
  types.value(id) << " ORDER BY price DESC, id";
  types.into(type_id).into(type.name).into(description.value, description.present);
  types.into(price).into(total);
  for (bool more = types.run(); more; more = types.next()) {
    type.id = to_id<ticket_type_id>(type_id);
    type.description = description.get();
    type.price = price;
    type.total = total;
    out.types.push_back(type);
  }
  return out;
}

std::optional<layout_row> load_layout(database& db, layout_id id) {
  layout_row out;
  out.id = id;
  nullable<std::string> description;
  int seats = 0;
  query q{db};
  q << "SELECT name, description, total_seats, config FROM seat_layouts WHERE id = ";
  q.value(id);
  q.into(out.name).into(description.value, description.present).into(seats).into(out.config);
  if (!q.run())
    return std::nullopt;
  out.description = description.get();
  out.total_seats = seats;
  return out;
}

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
  if (fold(text).empty() || text.size() > max)
    reject(errc::invalid_request, fmt::format("{} must have 1 to {} bytes", field, max));
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
    now_ = env_.now();
    db_.session() << "SAVEPOINT command";
    try {
      out.changed = std::visit([this](const auto& x) { return apply(x); }, write.command);
      append_outbox(db_, events_);
      out.events = events_.size();
    } catch (const rejection& e) {
      return refuse(e.why);
    } catch (const std::exception& e) {
      if (!is_constraint_violation(e, db_.kind()))
        throw;
      db_.forget_prepared();
      spdlog::warn("catalog: a write was refused by the database: {}", e.what());
      return refuse({errc::conflict, "The change contradicts what the catalog holds"});
    }
    db_.session() << "RELEASE SAVEPOINT command";
    return out;
  }

  catalog_written refuse(failure why) {
    db_.session() << "ROLLBACK TO SAVEPOINT command";
    db_.session() << "RELEASE SAVEPOINT command";
    return {commit_status::rejected, std::move(why), false, 0};
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
    if (before && before->event.layout != e.layout)
      reject(errc::conflict, "the seat layout of an event cannot change");
    if (!e.layout.is_nil() && !load_layout(db_, e.layout))
      reject(errc::invalid_request, "there is no such seat layout");
    link_artist(e);
    query q{db_};
    q << "INSERT INTO events(id, title, description, venue, address, event_date, sale_start, "
         "sale_end, poster_url, cancelled, layout_id, artist_id, artist_name, pre_scaled, "
         "created_by, search_text, created_at, updated_at) VALUES (";
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
    q.value(now_) << ") ON CONFLICT (id) DO UPDATE SET title = excluded.title, "
                     "description = excluded.description, venue = excluded.venue, "
                     "address = excluded.address, event_date = excluded.event_date, "
                     "sale_start = excluded.sale_start, sale_end = excluded.sale_end, "
                     "poster_url = excluded.poster_url, cancelled = excluded.cancelled, "
                     "artist_id = excluded.artist_id, artist_name = excluded.artist_name, "
                     "pre_scaled = excluded.pre_scaled, search_text = excluded.search_text, "
                     "updated_at = excluded.updated_at";
    q.run();
    for (const auto& type : x.types)
      put_type(e.id, type);
    publish(e.id);
    return true;
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

  void publish(const artist_row& artist) {
    domain_event e;
    e.id = make_uuid(env_);
    e.topic = catalog_topic;
    e.key = to_string(artist.id);
    e.type = artist_changed_type;
    e.occurred_at = now_;
    e.payload = to_json(artist);
    events_.push_back(std::move(e));
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
  time_point now_;                   ///< of the command in hand
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
    return guarded<std::optional<event_detail>>([&] { return load_event(db_, id); });
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
        << ", (SELECT count(*) FROM events e WHERE e.artist_id = a.id), coalesce((SELECT m.members "
           "FROM artist_members m WHERE m.artist_id = a.id), 0) FROM artists a "
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
      artist_columns columns;
      query q{db_};
      q << "SELECT " << artist_columns::names << " FROM artists a WHERE a.id = ";
      q.value(id);
      columns.bind(q);
      if (!q.run())
        return std::nullopt;
      out.artist = columns.row();

      long long members = 0;
      query count{db_};
      count << "SELECT members FROM artist_members WHERE artist_id = ";
      if (count.value(id).into(members).run())
        out.member_count = members;

      item_columns items;
      query events{db_};
      events << "SELECT " << item_columns::names() << " FROM events e WHERE e.artist_id = ";
      events.value(id) << " ORDER BY e.event_date, e.id LIMIT 500";
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
        if (auto again = db_.reconnect(); !again) {
          spdlog::error("catalog: {}", again.error().text);
          return failure{errc::unavailable};
        }
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
    q << " WHERE 1 = 1";
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
