#include "storage/sql/vwr_store.hpp"

#include "storage/sql/query_guard.hpp"

#include <exception>
#include <string>
#include <utility>

namespace tiketi::sql {

namespace {

using namespace vwr;

struct bound_room {
  void bind(const save_room& command) {
    const auto& row = command.row;
    event = to_string(command.event);
    generation = static_cast<long long>(row.generation);
    active = row.active ? 1 : 0;
    issued = static_cast<long long>(row.issued);
    serving = static_cast<long long>(row.serving);
    version = static_cast<long long>(row.version);
    before = version - 1;
    updated = to_millis(row.updated_at);
  }

  std::string event;
  long long generation = 0;
  int active = 0;
  long long issued = 0;
  long long serving = 0;
  long long version = 0;
  long long before = 0;
  long long updated = 0;
};

struct insert_room : bound_room {
  explicit insert_room(soci::session& sql)
      : st((sql.prepare << "INSERT INTO vwr_rooms(event_id, generation, active, issued, serving, "
                           "version, updated_at) VALUES (:e, :g, :a, :i, :s, :v, :u) "
                           "ON CONFLICT (event_id) DO NOTHING",
            soci::use(event), soci::use(generation), soci::use(active), soci::use(issued),
            soci::use(serving), soci::use(version), soci::use(updated))) {}

  soci::statement st;
};

struct update_room : bound_room {
  explicit update_room(soci::session& sql)
      : st((sql.prepare << "UPDATE vwr_rooms SET generation = :g, active = :a, issued = :i, "
                           "serving = :s, version = :v, updated_at = :u "
                           "WHERE event_id = :e AND version = :b",
            soci::use(generation), soci::use(active), soci::use(issued), soci::use(serving),
            soci::use(version), soci::use(updated), soci::use(event), soci::use(before))) {}

  soci::statement st;
};

class sql_room_writes final : public room_writes {
public:
  explicit sql_room_writes(database db) : db_(std::move(db)) {}

  std::vector<room_saved> commit(std::vector<save_room>& batch) override {
    std::vector<room_saved> out(batch.size());
    const auto all = [&](commit_status status) {
      for (auto& one : out)
        one.status = status;
      return out;
    };
    if (!connected_) {
      connected_ = db_.reconnect().has_value();
      if (!connected_)
        return all(commit_status::failed);
    }
    bool committing = false;
    try {
      transaction tx{db_};
      for (std::size_t i = 0; i < batch.size(); ++i)
        out[i].status = save(batch[i]) ? commit_status::committed : commit_status::rejected;
      committing = true;
      tx.commit();
      return out;
    } catch (const std::exception& error) {
      // Statements are void after an error, and the transaction went with its scope.
      const bool doubt = committing && leaves_doubt(error, db_.kind());
      db_.forget_prepared();
      connected_ = db_.reconnect().has_value();
      return all(doubt ? commit_status::unknown : commit_status::failed);
    }
  }

private:
  bool save(const save_room& command) {
    if (command.row.version == 1) {
      auto& q = db_.prepared<insert_room>();
      q.bind(command);
      return run(q.st) == 1;
    }
    auto& q = db_.prepared<update_room>();
    q.bind(command);
    return run(q.st) == 1;
  }

  database db_;
  bool connected_ = true;
};

class sql_room_queries final : public room_queries {
public:
  explicit sql_room_queries(database db) : guard_(std::move(db), "waiting rooms") {}

  result<stored_room> load(const load_room& query) override {
    return guard_.run<stored_room>([&] {
      const auto event = to_string(query.event);
      stored_room out;
      out.event = query.event;
      fields f;
      soci::statement st =
          (guard_.db().session().prepare
               << "SELECT event_id, generation, active, issued, serving, version, updated_at "
                  "FROM vwr_rooms WHERE event_id = :e",
           soci::use(event), soci::into(f.event), soci::into(f.generation), soci::into(f.active),
           soci::into(f.issued), soci::into(f.serving), soci::into(f.version),
           soci::into(f.updated));
      if (one(st))
        out = f.room();
      return out;
    });
  }

  result<room_list> all() override {
    return guard_.run<room_list>([&] {
      room_list out;
      fields f;
      soci::statement st =
          (guard_.db().session().prepare
               << "SELECT event_id, generation, active, issued, serving, version, updated_at "
                  "FROM vwr_rooms",
           soci::into(f.event), soci::into(f.generation), soci::into(f.active),
           soci::into(f.issued), soci::into(f.serving), soci::into(f.version),
           soci::into(f.updated));
      for (bool more = st.execute(true); more; more = st.fetch())
        out.rooms.push_back(f.room());
      return out;
    });
  }

private:
  struct fields {
    stored_room room() const {
      stored_room out;
      out.event = event_id{parse_uuid(event).value_or(uuid{})};
      out.found = true;
      out.row = {static_cast<std::uint64_t>(generation), active != 0,
                 static_cast<std::uint64_t>(issued),     static_cast<std::uint64_t>(serving),
                 static_cast<std::uint64_t>(version),    from_millis(updated)};
      return out;
    }

    std::string event;
    long long generation = 0;
    int active = 0;
    long long issued = 0;
    long long serving = 0;
    long long version = 0;
    long long updated = 0;
  };
  query_guard guard_;
};

} // namespace

std::shared_ptr<vwr::room_writes> make_room_writes(database db) {
  return std::make_shared<sql_room_writes>(std::move(db));
}

std::unique_ptr<vwr::room_queries> make_room_queries(database db) {
  return std::make_unique<sql_room_queries>(std::move(db));
}

} // namespace tiketi::sql
