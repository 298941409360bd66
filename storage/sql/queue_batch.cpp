#include "storage/sql/queue_batch.hpp"

#include "storage/sql/postgresql.hpp"

#include <algorithm>
#include <stdexcept>
#include <type_traits>
#include <variant>

namespace tiketi::sql {

using namespace queue;

namespace {

struct remove_places : server_statement {
  explicit remove_places(soci::session& sql)
      : server_statement(sql, "DELETE FROM queue_waiting w USING unnest(CAST($1 AS VARCHAR[]), "
                              "CAST($2 AS BIGINT[])) AS n(event, sequence) "
                              "WHERE w.event_id = n.event AND w.sequence = n.sequence") {}
};

struct insert_places : server_statement {
  explicit insert_places(soci::session& sql)
      : server_statement(sql, "INSERT INTO queue_waiting(event_id, sequence, user_id) "
                              "SELECT * FROM unnest(CAST($1 AS VARCHAR[]), CAST($2 AS BIGINT[]), "
                              "CAST($3 AS VARCHAR[]))") {}
};

struct put_slots : server_statement {
  explicit put_slots(soci::session& sql)
      : server_statement(
          sql, "INSERT INTO queue_active(event_id, user_id, expires_at, ends_at) "
               "SELECT * FROM unnest(CAST($1 AS VARCHAR[]), CAST($2 AS VARCHAR[]), "
               "CAST($3 AS BIGINT[]), CAST($4 AS BIGINT[])) ON CONFLICT (event_id, user_id) "
               "DO UPDATE SET expires_at = excluded.expires_at, ends_at = excluded.ends_at") {}
};

struct renew_slots : server_statement {
  explicit renew_slots(soci::session& sql)
      : server_statement(sql, "UPDATE queue_active a SET expires_at = n.expires FROM unnest("
                              "CAST($1 AS VARCHAR[]), CAST($2 AS VARCHAR[]), "
                              "CAST($3 AS BIGINT[])) AS n(event, usr, expires) "
                              "WHERE a.event_id = n.event AND a.user_id = n.usr") {}
};

struct drop_slots : server_statement {
  explicit drop_slots(soci::session& sql)
      : server_statement(sql, "DELETE FROM queue_active a USING unnest(CAST($1 AS VARCHAR[]), "
                              "CAST($2 AS VARCHAR[])) AS n(event, usr) "
                              "WHERE a.event_id = n.event AND a.user_id = n.usr") {}
};

struct put_marks : server_statement {
  explicit put_marks(soci::session& sql)
      : server_statement(sql, "INSERT INTO queue_leaving(event_id, user_id, since_s) "
                              "SELECT * FROM unnest(CAST($1 AS VARCHAR[]), CAST($2 AS VARCHAR[]), "
                              "CAST($3 AS BIGINT[])) ON CONFLICT (event_id, user_id) "
                              "DO UPDATE SET since_s = excluded.since_s") {}
};

struct remove_marks : server_statement {
  explicit remove_marks(soci::session& sql)
      : server_statement(sql, "DELETE FROM queue_leaving l USING unnest(CAST($1 AS VARCHAR[]), "
                              "CAST($2 AS VARCHAR[])) AS n(event, usr) "
                              "WHERE l.event_id = n.event AND l.user_id = n.usr") {}
};

} // namespace

bool queue_batch::take(const event_id& event, const journal_op& op) {
  return std::visit(
      [&](const auto& one) {
        using type = std::decay_t<decltype(one)>;
        if constexpr (
            std::is_same_v<
                type,
                set_limit> || std::is_same_v<type, clear_line> || std::is_same_v<type, purge_expired>) {
          return false;
        } else {
          apply(to_string(event), one);
          return true;
        }
      },
      op);
}

void queue_batch::apply(const std::string& event, const join_line& op) {
  auto& change = waiting_[{event, static_cast<std::int64_t>(op.sequence)}];
  if (change.user)
    throw std::runtime_error("a place in the line is taken twice");
  change.user = to_string(op.user);
  if (op.unmark)
    leaving_[{event, *change.user}] = std::nullopt;
}

void queue_batch::leave_line(const std::string& event, std::uint64_t sequence) {
  auto& change = waiting_[{event, static_cast<std::int64_t>(sequence)}];
  // Joined within this batch: nothing is stored yet.
  if (change.user)
    change.user.reset();
  else
    change.remove = true;
}

void queue_batch::apply(const std::string& event, const admit_user& op) {
  if (op.sequence != 0)
    leave_line(event, op.sequence);
  const auto user = to_string(op.user);
  active_[{event, user}] = {active_change::kind::put, to_millis(op.expires_at),
                            to_millis(op.ends_at)};
  if (op.unmark)
    leaving_[{event, user}] = std::nullopt;
}

void queue_batch::apply(const std::string& event, const renew_slot& op) {
  const auto [found, fresh] = active_.try_emplace(person{event, to_string(op.user)},
                                                  active_change{active_change::kind::renew, 0, 0});
  if (found->second.what != active_change::kind::drop)
    found->second.expires = to_millis(op.expires_at);
}

void queue_batch::apply(const std::string& event, const mark_leaving& op) {
  leaving_[{event, to_string(op.user)}] = op.since_s;
}

void queue_batch::apply(const std::string& event, const unmark_leaving& op) {
  leaving_[{event, to_string(op.user)}] = std::nullopt;
}

void queue_batch::apply(const std::string& event, const drop_waiting& op) {
  leave_line(event, op.sequence);
  if (op.leaving)
    leaving_[{event, to_string(op.user)}] = std::nullopt;
}

void queue_batch::apply(const std::string& event, const drop_active& op) {
  const auto user = to_string(op.user);
  active_[{event, user}] = {};
  if (op.leaving)
    leaving_[{event, user}] = std::nullopt;
}

void queue_batch::write() {
  write_waiting();
  write_active();
  write_leaving();
}

void queue_batch::write_waiting() {
  array_text gone_events;
  array_text gone;
  array_text events;
  array_text sequences;
  array_text users;
  for (const auto& [at, change] : waiting_) {
    if (change.remove) {
      gone_events.add(at.first);
      gone.add(at.second);
    }
    if (change.user) {
      events.add(at.first);
      sequences.add(at.second);
      users.add(*change.user);
    }
  }
  waiting_.clear();
  if (!gone.empty())
    db_.prepared<remove_places>().run_with(gone_events.take(), gone.take());
  if (!users.empty())
    db_.prepared<insert_places>().run_with(events.take(), sequences.take(), users.take());
}

void queue_batch::write_active() {
  struct columns {
    array_text events, users, expires, ends;
  };
  columns put;
  columns renew;
  columns drop;
  for (const auto& [who, change] : active_) {
    auto& to = change.what == active_change::kind::put     ? put
               : change.what == active_change::kind::renew ? renew
                                                           : drop;
    to.events.add(who.first);
    to.users.add(who.second);
    to.expires.add(change.expires);
    to.ends.add(change.ends);
  }
  active_.clear();
  if (!put.users.empty())
    db_.prepared<put_slots>().run_with(put.events.take(), put.users.take(), put.expires.take(),
                                       put.ends.take());
  if (!renew.users.empty())
    db_.prepared<renew_slots>().run_with(renew.events.take(), renew.users.take(),
                                         renew.expires.take());
  if (!drop.users.empty())
    db_.prepared<drop_slots>().run_with(drop.events.take(), drop.users.take());
}

void queue_batch::write_leaving() {
  array_text events;
  array_text users;
  array_text since;
  array_text gone_events;
  array_text gone;
  for (const auto& [who, mark] : leaving_) {
    if (mark) {
      events.add(who.first);
      users.add(who.second);
      since.add(*mark);
    } else {
      gone_events.add(who.first);
      gone.add(who.second);
    }
  }
  leaving_.clear();
  if (!users.empty())
    db_.prepared<put_marks>().run_with(events.take(), users.take(), since.take());
  if (!gone.empty())
    db_.prepared<remove_marks>().run_with(gone_events.take(), gone.take());
}

} // namespace tiketi::sql
