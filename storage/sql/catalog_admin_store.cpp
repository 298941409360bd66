#include "storage/sql/catalog_admin_store.hpp"

#include "storage/sql/catalog_rows.hpp"

#include <exception>
#include <utility>

#include <spdlog/spdlog.h>

namespace tiketi::sql {

using namespace catalog;

namespace {

class sql_catalog_admin_queries final : public catalog_admin_queries {
public:
  explicit sql_catalog_admin_queries(database db) : db_(std::move(db)) {}

  result<std::int64_t> event_count() override {
    return guarded<std::int64_t>([&] {
      long long count = 0;
      query q{db_};
      q << "SELECT count(*) FROM events WHERE deleted = 0";
      q.into(count).run();
      return count;
    });
  }

  result<std::optional<event_row>> event(event_id id) override {
    return guarded<std::optional<event_row>>([&]() -> std::optional<event_row> {
      auto found = load_event(db_, id);
      if (!found || found->event.deleted)
        return std::nullopt;
      return std::move(found->event);
    });
  }

  result<std::optional<ticket_type_detail>> ticket_type(ticket_type_id id) override {
    return guarded<std::optional<ticket_type_detail>>([&] { return load_type(db_, id); });
  }

  result<std::vector<layout_row>> layouts() override {
    return guarded<std::vector<layout_row>>([&] {
      std::vector<layout_row> out;
      layout_row row;
      std::string id;
      nullable<std::string> description;
      int seats = 0;
      query q{db_};
      q << "SELECT id, name, description, total_seats, config FROM seat_layouts ORDER BY name, id";
      q.into(id).into(row.name).into(description.value, description.present).into(seats);
      q.into(row.config);
      for (bool more = q.run(); more; more = q.next()) {
        row.id = to_id<layout_id>(id);
        row.description = description.get();
        row.total_seats = seats;
        out.push_back(row);
      }
      return out;
    });
  }

  result<std::optional<layout_row>> layout(layout_id id) override {
    return guarded<std::optional<layout_row>>([&] { return load_layout(db_, id); });
  }

  result<std::optional<artist_row>> artist(artist_id id) override {
    return guarded<std::optional<artist_row>>([&] { return load_artist(db_, id); });
  }

  result<std::vector<artist_row>> artists_without_image(artist_id after,
                                                        std::int32_t limit) override {
    return guarded<std::vector<artist_row>>([&] {
      std::vector<artist_row> out;
      artist_columns columns;
      query q{db_};
      q << "SELECT " << artist_columns::names
        << " FROM artists a WHERE (a.image_url IS NULL OR a.image_url = '') AND a.id > ";
      q.value(to_string(after)) << " ORDER BY a.id LIMIT ";
      q.value(std::int64_t{limit});
      columns.bind(q);
      for (bool more = q.run(); more; more = q.next())
        out.push_back(columns.row());
      return out;
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
      return f();
    } catch (const std::exception& e) {
      db_.forget_prepared();
      connected_ = false;
      spdlog::error("catalog administration: a read failed: {}", e.what());
      return failure{errc::unavailable};
    }
  }

  database db_;
  bool connected_ = true;
};

} // namespace

std::unique_ptr<catalog_admin_queries> make_catalog_admin_queries(database db) {
  return std::make_unique<sql_catalog_admin_queries>(std::move(db));
}

} // namespace tiketi::sql
