#include "storage/sql/payment_store.hpp"

#include "storage/sql/postgresql.hpp"
#include "storage/sql/query_guard.hpp"

#include <algorithm>
#include <exception>
#include <optional>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <spdlog/spdlog.h>

namespace tiketi::sql {

using namespace payment;

namespace {

/// A payment's columns, bound to statements. The order of `columns` and of `bind` is the same.
struct payment_columns {
  static constexpr const char* names =
      "id, payment_type, reservation_id, reference_id, event_id, user_id, order_id, payment_key, "
      "amount, method, status, "
      "resolved, provider, demo, provider_status, failure_text, refund_reason, refund_amount, "
      "approved_at, refunded_at, created_at, updated_at, confirm_message, refund_message, version";

  std::string id, type, reservation, reference, event, user, order_id, payment_key, method, status,
      provider, provider_status, failure_text, refund_reason, confirm_message, refund_message;
  long long amount = 0;
  long long refund_amount = 0;
  long long approved_at = 0;
  long long refunded_at = 0;
  long long created_at = 0;
  long long updated_at = 0;
  long long version = 0;
  int resolved = 0;
  int demo = 0;

  void set(const payment_view& p) {
    id = to_string(p.id);
    type = to_string(p.kind);
    reservation = p.reservation.is_nil() ? std::string{} : to_string(p.reservation);
    reference = p.reference.is_nil() ? std::string{} : to_string(p.reference);
    event = to_string(p.event);
    user = to_string(p.user);
    order_id = p.order_id;
    payment_key = p.payment_key;
    amount = p.amount;
    method = p.method;
    status = to_string(p.status);
    resolved = p.resolved ? 1 : 0;
    provider = p.provider;
    demo = p.demo ? 1 : 0;
    provider_status = p.provider_status;
    failure_text = p.failure_text;
    refund_reason = p.refund_reason;
    refund_amount = p.refund_amount;
    approved_at = to_millis(p.approved_at);
    refunded_at = to_millis(p.refunded_at);
    created_at = to_millis(p.created_at);
    updated_at = to_millis(p.updated_at);
    confirm_message = to_string(p.confirm_message);
    refund_message = to_string(p.refund_message);
    version = p.version;
  }

  payment_view get() const {
    payment_view p;
    p.id = parse_id<payment_id>(id).value_or(payment_id{});
    p.reservation = parse_id<reservation_id>(reservation).value_or(reservation_id{});
    for (int k = 0; k <= static_cast<int>(subject_kind::membership); ++k)
      if (to_string(static_cast<subject_kind>(k)) == type)
        p.kind = static_cast<subject_kind>(k);
    p.reference = parse_uuid(reference).value_or(uuid{});
    p.event = parse_id<event_id>(event).value_or(event_id{});
    p.user = parse_id<user_id>(user).value_or(user_id{});
    p.order_id = order_id;
    p.payment_key = payment_key;
    p.amount = amount;
    p.method = method;
    for (int s = 0; s <= static_cast<int>(payment_status::refunded); ++s)
      if (to_string(static_cast<payment_status>(s)) == status)
        p.status = static_cast<payment_status>(s);
    p.resolved = resolved != 0;
    p.provider = provider;
    p.demo = demo != 0;
    p.provider_status = provider_status;
    p.failure_text = failure_text;
    p.refund_reason = refund_reason;
    p.refund_amount = refund_amount;
    p.approved_at = from_millis(approved_at);
    p.refunded_at = from_millis(refunded_at);
    p.created_at = from_millis(created_at);
    p.updated_at = from_millis(updated_at);
    p.confirm_message = parse_uuid(confirm_message).value_or(uuid{});
    p.refund_message = parse_uuid(refund_message).value_or(uuid{});
    p.version = static_cast<std::uint32_t>(version);
    return p;
  }

  /// As uses or intos, in the order of `names`.
  template <class Bind>
  void bind(soci::statement& st, Bind as) {
    // The binding must happen in the call that makes it: SOCI keeps a reference to a temporary
    // until the end of the full expression.
    as(st, id);
    as(st, type);
    as(st, reservation);
    as(st, reference);
    as(st, event);
    as(st, user);
    as(st, order_id);
    as(st, payment_key);
    as(st, amount);
    as(st, method);
    as(st, status);
    as(st, resolved);
    as(st, provider);
    as(st, demo);
    as(st, provider_status);
    as(st, failure_text);
    as(st, refund_reason);
    as(st, refund_amount);
    as(st, approved_at);
    as(st, refunded_at);
    as(st, created_at);
    as(st, updated_at);
    as(st, confirm_message);
    as(st, refund_message);
    as(st, version);
  }
};

constexpr auto as_use = [](soci::statement& st, auto& x) { st.exchange(soci::use(x)); };
constexpr auto as_into = [](soci::statement& st, auto& x) { st.exchange(soci::into(x)); };

/// A prepared statement whose text and bindings the derived type gives.
struct bound_statement {
  explicit bound_statement(soci::session& sql) : st(sql) {}

  void finish(const std::string& text) {
    st.alloc();
    st.prepare(text);
    st.define_and_bind();
  }

  soci::statement st;
};

struct insert_payment : payment_columns, bound_statement {
  explicit insert_payment(soci::session& sql) : bound_statement(sql) {
    bind(st, as_use);
    finish(std::string("INSERT INTO payments(") + names
           + ") VALUES (:c1, :c2, nullif(:c3, ''), nullif(:c4, ''), :c5, :c6, :c7, :c8, :c9, :c10, "
             ":c11, :c12, :c13, :c14, :c15, :c16, :c17, :c18, :c19, :c20, :c21, :c22, :c23, :c24, "
             ":c25) ON CONFLICT DO NOTHING");
  }
};

struct update_payment : payment_columns, bound_statement {
  explicit update_payment(soci::session& sql) : bound_statement(sql) {
    for (auto* text : {&payment_key, &method, &status})
      st.exchange(soci::use(*text));
    st.exchange(soci::use(resolved));
    st.exchange(soci::use(provider));
    st.exchange(soci::use(demo));
    for (auto* text : {&provider_status, &failure_text, &refund_reason})
      st.exchange(soci::use(*text));
    for (auto* number : {&refund_amount, &approved_at, &refunded_at, &updated_at, &version})
      st.exchange(soci::use(*number));
    st.exchange(soci::use(id));
    st.exchange(soci::use(before));
    finish("UPDATE payments SET payment_key = :c1, method = :c2, status = :c3, resolved = :c4, "
           "provider = :c5, demo = :c6, provider_status = :c7, failure_text = :c8, "
           "refund_reason = :c9, refund_amount = :c10, approved_at = :c11, refunded_at = :c12, "
           "updated_at = :c13, version = :c14 WHERE id = :i AND version = :b");
  }

  long long before = 0;
};

struct find_taken_key : bound_statement {
  explicit find_taken_key(soci::session& sql) : bound_statement(sql) {
    st.exchange(soci::use(payment_key));
    st.exchange(soci::use(id));
    st.exchange(soci::into(found));
    finish("SELECT 1 FROM payments WHERE payment_key = :k AND payment_key <> '' "
           "AND status <> 'failed' AND id <> :i");
  }

  std::string payment_key, id;
  int found = 0;
};

struct insert_log : bound_statement {
  explicit insert_log(soci::session& sql) : bound_statement(sql) {
    st.exchange(soci::use(id));
    st.exchange(soci::use(at));
    for (auto* text : {&action, &outcome, &detail})
      st.exchange(soci::use(*text));
    finish("INSERT INTO payment_logs(payment_id, at, action, outcome, detail) "
           "VALUES (:i, :t, :a, :o, :d)");
  }

  std::string id, action, outcome, detail;
  long long at = 0;
};

/// Reads payments by one text and bounds.
struct payments_query : payment_columns, bound_statement {
  payments_query(soci::session& sql, const char* where) : bound_statement(sql) {
    bind(st, as_into);
    st.exchange(soci::use(key));
    st.exchange(soci::use(limit));
    st.exchange(soci::use(offset));
    finish(std::string("SELECT ") + shown() + " FROM payments WHERE " + where
           + " LIMIT :l OFFSET :o");
  }

  /// `names`, with empty texts in place of NULL.
  static std::string shown() {
    std::string out = names;
    for (const std::string column : {"reservation_id", "reference_id"})
      out.replace(out.find(column), column.size(), "coalesce(" + column + ", '')");
    return out;
  }

  std::vector<payment_view> rows(std::string value, std::int64_t max, std::int64_t skip = 0) {
    key = std::move(value);
    limit = max;
    offset = skip;
    std::vector<payment_view> out;
    for (bool more = st.execute(true); more; more = st.fetch())
      out.push_back(get());
    return out;
  }

  std::string key;
  long long limit = 0;
  long long offset = 0;
};

struct by_id : payments_query {
  explicit by_id(soci::session& sql) : payments_query(sql, "id = :k") {}
};
struct by_order : payments_query {
  explicit by_order(soci::session& sql) : payments_query(sql, "order_id = :k") {}
};
struct by_key : payments_query {
  explicit by_key(soci::session& sql)
      : payments_query(sql, "payment_key = :k AND payment_key <> '' AND status <> 'failed'") {}
};
struct by_reservation : payments_query {
  explicit by_reservation(soci::session& sql)
      : payments_query(sql,
                       "reservation_id = :k ORDER BY CASE WHEN status IN ('failed', 'refunded') "
                       "THEN 1 ELSE 0 END, created_at DESC, id DESC") {}
};
struct by_transfer : payments_query {
  explicit by_transfer(soci::session& sql)
      : payments_query(sql, "payment_type = 'transfer' AND reference_id = :k ORDER BY CASE "
                            "WHEN status IN ('failed', 'refunded') THEN 1 ELSE 0 END, "
                            "created_at DESC, id DESC") {}
};
struct by_membership : payments_query {
  explicit by_membership(soci::session& sql)
      : payments_query(sql, "payment_type = 'membership' AND reference_id = :k ORDER BY CASE "
                            "WHEN status IN ('failed', 'refunded') THEN 1 ELSE 0 END, "
                            "created_at DESC, id DESC") {}
};
struct by_user : payments_query {
  explicit by_user(soci::session& sql)
      : payments_query(sql, "user_id = :k ORDER BY created_at DESC, id DESC") {}
};
struct by_progress : payments_query {
  explicit by_progress(soci::session& sql)
      : payments_query(sql, "status IN ('capturing', 'refunding') AND id > :k ORDER BY id") {}
};

std::optional<payment_view> first(std::vector<payment_view> rows) {
  if (rows.empty())
    return std::nullopt;
  return std::move(rows.front());
}

// -- many at once, on PostgreSQL -----------------------------------------------------------------

struct find_messages : server_statement {
  explicit find_messages(soci::session& sql)
      : server_statement(sql, "SELECT event_id FROM processed_events WHERE consumer = 'payment' "
                              "AND event_id = ANY (CAST($1 AS VARCHAR[]))") {}
};

struct find_key_owners : server_statement {
  explicit find_key_owners(soci::session& sql)
      : server_statement(sql, "SELECT payment_key, id FROM payments WHERE payment_key = "
                              "ANY (CAST($1 AS VARCHAR[])) AND payment_key <> '' "
                              "AND status <> 'failed'") {}
};

struct update_payments : server_statement {
  explicit update_payments(soci::session& sql)
      : server_statement(
          sql, "WITH n AS (SELECT * FROM unnest(CAST($1 AS VARCHAR[]), CAST($2 AS VARCHAR[]), "
               "CAST($3 AS VARCHAR[]), CAST($4 AS VARCHAR[]), CAST($5 AS INTEGER[]), "
               "CAST($6 AS VARCHAR[]), CAST($7 AS INTEGER[]), CAST($8 AS VARCHAR[]), "
               "CAST($9 AS TEXT[]), CAST($10 AS TEXT[]), CAST($11 AS BIGINT[]), "
               "CAST($12 AS BIGINT[]), CAST($13 AS BIGINT[]), CAST($14 AS BIGINT[]), "
               "CAST($15 AS BIGINT[])) AS n(id, payment_key, method, status, resolved, provider, "
               "demo, provider_status, failure_text, refund_reason, refund_amount, approved_at, "
               "refunded_at, updated_at, version)), "
               // Locked in the order of the ids; whoever comes second waits and checks again.
               "held AS (SELECT p.id FROM payments p JOIN n ON n.id = p.id "
               "AND p.version = n.version - 1 ORDER BY p.id FOR UPDATE OF p) "
               "UPDATE payments p SET payment_key = n.payment_key, method = n.method, "
               "status = n.status, resolved = n.resolved, provider = n.provider, demo = n.demo, "
               "provider_status = n.provider_status, failure_text = n.failure_text, "
               "refund_reason = n.refund_reason, refund_amount = n.refund_amount, "
               "approved_at = n.approved_at, refunded_at = n.refunded_at, "
               "updated_at = n.updated_at, version = n.version FROM n, held "
               "WHERE p.id = n.id AND held.id = n.id AND p.version = n.version - 1 "
               "RETURNING p.id") {}
};

struct insert_payments : server_statement {
  explicit insert_payments(soci::session& sql)
      : server_statement(
          sql, std::string{"INSERT INTO payments("} + payment_columns::names
                   + ") SELECT id, payment_type, nullif(reservation_id, ''), "
                     "nullif(reference_id, ''), event_id, user_id, order_id, payment_key, amount, "
                     "method, status, resolved, provider, demo, provider_status, failure_text, "
                     "refund_reason, refund_amount, approved_at, refunded_at, created_at, "
                     "updated_at, confirm_message, refund_message, version FROM unnest("
                     "CAST($1 AS VARCHAR[]), CAST($2 AS VARCHAR[]), CAST($3 AS VARCHAR[]), "
                     "CAST($4 AS VARCHAR[]), CAST($5 AS VARCHAR[]), CAST($6 AS VARCHAR[]), "
                     "CAST($7 AS VARCHAR[]), CAST($8 AS VARCHAR[]), CAST($9 AS BIGINT[]), "
                     "CAST($10 AS VARCHAR[]), CAST($11 AS VARCHAR[]), CAST($12 AS INTEGER[]), "
                     "CAST($13 AS VARCHAR[]), CAST($14 AS INTEGER[]), CAST($15 AS VARCHAR[]), "
                     "CAST($16 AS TEXT[]), CAST($17 AS TEXT[]), CAST($18 AS BIGINT[]), "
                     "CAST($19 AS BIGINT[]), CAST($20 AS BIGINT[]), CAST($21 AS BIGINT[]), "
                     "CAST($22 AS BIGINT[]), CAST($23 AS VARCHAR[]), CAST($24 AS VARCHAR[]), "
                     "CAST($25 AS BIGINT[])) AS n("
                   + payment_columns::names + ") ON CONFLICT DO NOTHING RETURNING id") {}
};

struct insert_messages : server_statement {
  explicit insert_messages(soci::session& sql)
      : server_statement(sql, "INSERT INTO processed_events(consumer, event_id, processed_at) "
                              "SELECT 'payment', id, at FROM unnest(CAST($1 AS VARCHAR[]), "
                              "CAST($2 AS BIGINT[])) AS n(id, at)") {}
};

struct insert_logs : server_statement {
  explicit insert_logs(soci::session& sql)
      : server_statement(
          sql, "INSERT INTO payment_logs(payment_id, at, action, outcome, detail) SELECT "
               "payment_id, at, action, outcome, detail FROM unnest(CAST($1 AS VARCHAR[]), "
               "CAST($2 AS BIGINT[]), CAST($3 AS TEXT[]), CAST($4 AS TEXT[]), CAST($5 AS TEXT[])) "
               "WITH ORDINALITY AS n(payment_id, at, action, outcome, detail, place) "
               "ORDER BY place") {}
};

/// A column for each parameter of a statement.
class columns {
public:
  explicit columns(std::size_t count) : all_(count) {}

  template <class T>
  columns& operator<<(const T& value) {
    auto& column = all_[at_++ % all_.size()];
    if constexpr (std::is_integral_v<T>)
      column.add(static_cast<std::int64_t>(value));
    else
      column.add(std::string_view{value});
    return *this;
  }

  bool empty() const { return at_ == 0; }

  std::vector<std::string> take() {
    std::vector<std::string> out;
    for (auto& column : all_)
      out.push_back(column.take());
    return out;
  }

private:
  std::vector<array_text> all_;
  std::size_t at_ = 0;
};

/// What no two commands of one piece may share: then their order does not matter, and all are
/// checked against the same state.
std::vector<std::string> identities(const write_payment& command) {
  const auto& p = command.change.next;
  std::vector<std::string> out{"payment " + to_string(p.id), "order " + p.order_id};
  if (!p.reservation.is_nil())
    out.push_back("subject " + to_string(p.reservation));
  if (!p.reference.is_nil())
    out.push_back("subject " + to_string(p.reference));
  if (!p.payment_key.empty())
    out.push_back("key " + p.payment_key);
  if (!command.change.processed.is_nil())
    out.push_back("message " + to_string(command.change.processed));
  return out;
}

class sql_payment_writes final : public payment_writes {
public:
  explicit sql_payment_writes(database db) : db_(std::move(db)) {}

  std::vector<payment_written> commit(std::vector<payment_write>& batch) override {
    std::vector<payment_written> out(batch.size());
    try {
      if (broken_) {
        if (!db_.reconnect())
          return out;
        broken_ = false;
      }
      std::vector<std::size_t> writes;
      for (std::size_t i = 0; i < batch.size(); ++i)
        if (std::holds_alternative<write_payment>(batch[i].command))
          writes.push_back(i);
      if (!writes.empty() && !run_together(batch, writes, out)) {
        // One of them breaks a rule of the schema: each on its own finds out which.
        for (const auto i : writes)
          run_together(batch, {i}, out);
      }
      // After the commit, so that they see only what is durable.
      if (!broken_)
        look_up(batch, out);
    } catch (...) { // out of memory: the transaction was rolled back on the way
      broken_ = true;
      for (auto& o : out)
        o = {};
    }
    return out;
  }

private:
  /// One transaction. False: undone, and worth doing one by one.
  bool run_together(const std::vector<payment_write>& batch, const std::vector<std::size_t>& which,
                    std::vector<payment_written>& out) {
    if (broken_)
      return true;
    bool committing = false;
    try {
      transaction tx(db_);
      if (db_.kind() == dialect::postgresql)
        apply_pieces(batch, which, out);
      else
        for (const auto i : which)
          out[i] = apply(std::get<write_payment>(batch[i].command));
      committing = true;
      tx.commit();
    } catch (const std::exception& e) {
      spdlog::warn("payment store: {}", e.what());
      db_.forget_prepared();
      const bool rule = is_constraint_violation(e, db_.kind());
      const bool collided = is_transient(e, db_.kind());
      const bool doubt = committing && leaves_doubt(e, db_.kind());
      if (!rule && !collided)
        broken_ = true;
      for (const auto i : which) {
        const bool wrote = out[i].status == commit_status::committed && !out[i].duplicate;
        // A rejection may rest on what this transaction wrote, so it does not stand either.
        out[i] = {};
        if (doubt && wrote)
          out[i].status = commit_status::unknown;
        else if (rule && which.size() == 1)
          out[i].status = commit_status::rejected;
      }
      return (!rule && !collided) || which.size() == 1;
    }
    return true;
  }

  void apply_pieces(const std::vector<payment_write>& batch, const std::vector<std::size_t>& which,
                    std::vector<payment_written>& out) {
    std::vector<std::size_t> piece;
    std::unordered_set<std::string> taken;
    for (const auto i : which) {
      const auto own = identities(std::get<write_payment>(batch[i].command));
      if (std::any_of(own.begin(), own.end(), [&](const auto& x) { return taken.contains(x); })) {
        apply_piece(batch, piece, out);
        piece.clear();
        taken.clear();
      }
      taken.insert(own.begin(), own.end());
      piece.push_back(i);
    }
    apply_piece(batch, piece, out);
  }

  /// As `apply` for each of them, in a constant number of statements.
  void apply_piece(const std::vector<payment_write>& batch, const std::vector<std::size_t>& which,
                   std::vector<payment_written>& out) {
    const auto command_of = [&](std::size_t i) -> const write_payment& {
      return std::get<write_payment>(batch[i].command);
    };
    array_text messages;
    array_text keys;
    for (const auto i : which) {
      const auto& change = command_of(i).change;
      if (!change.processed.is_nil())
        messages.add(to_string(change.processed));
      if (change.next.status == payment_status::capturing && !change.next.payment_key.empty())
        keys.add(change.next.payment_key);
    }
    std::unordered_set<std::string> processed;
    if (!messages.empty()) {
      const auto rows = db_.prepared<find_messages>().run_with(messages.take());
      for (std::size_t i = 0; i < rows.size(); ++i)
        processed.emplace(rows.text(i, 0));
    }
    std::unordered_map<std::string, std::string> owners;
    if (!keys.empty()) {
      const auto rows = db_.prepared<find_key_owners>().run_with(keys.take());
      for (std::size_t i = 0; i < rows.size(); ++i)
        owners.emplace(rows.text(i, 0), rows.text(i, 1));
    }
    columns inserted{25};
    columns updated{15};
    payment_columns c;
    std::vector<std::size_t> tried;
    for (const auto i : which) {
      const auto& change = command_of(i).change;
      const auto& next = change.next;
      out[i] = {};
      if (!change.processed.is_nil() && processed.contains(to_string(change.processed))) {
        out[i].status = commit_status::committed;
        out[i].duplicate = true;
        continue;
      }
      out[i].status = commit_status::rejected;
      if (next.status == payment_status::capturing && !next.payment_key.empty())
        if (const auto owner = owners.find(next.payment_key);
            owner != owners.end() && owner->second != to_string(next.id)) {
          out[i].key_taken = true;
          continue;
        }
      tried.push_back(i);
      c.set(next);
      if (next.version == 1)
        inserted << c.id << c.type << c.reservation << c.reference << c.event << c.user
                 << c.order_id << c.payment_key << c.amount << c.method << c.status << c.resolved
                 << c.provider << c.demo << c.provider_status << c.failure_text << c.refund_reason
                 << c.refund_amount << c.approved_at << c.refunded_at << c.created_at
                 << c.updated_at << c.confirm_message << c.refund_message << c.version;
      else
        updated << c.id << c.payment_key << c.method << c.status << c.resolved << c.provider
                << c.demo << c.provider_status << c.failure_text << c.refund_reason
                << c.refund_amount << c.approved_at << c.refunded_at << c.updated_at << c.version;
    }
    std::unordered_set<std::string> written;
    const auto collect = [&](const server_rows& rows) {
      for (std::size_t i = 0; i < rows.size(); ++i)
        written.emplace(rows.text(i, 0));
    };
    if (!updated.empty())
      collect(db_.prepared<update_payments>().run(updated.take()));
    if (!inserted.empty())
      collect(db_.prepared<insert_payments>().run(inserted.take()));
    columns marks{2};
    columns logs{5};
    std::vector<domain_event> events;
    for (const auto i : tried) {
      const auto& command = command_of(i);
      const auto id = to_string(command.change.next.id);
      if (!written.contains(id))
        continue;
      out[i].status = commit_status::committed;
      if (!command.change.processed.is_nil())
        marks << to_string(command.change.processed) << to_millis(command.now);
      for (const auto& line : command.change.log)
        logs << id << to_millis(line.at) << line.action << line.outcome << line.detail;
      events.insert(events.end(), command.change.events.begin(), command.change.events.end());
    }
    if (!marks.empty())
      db_.prepared<insert_messages>().run(marks.take());
    append_outbox(db_, events);
    if (!logs.empty())
      db_.prepared<insert_logs>().run(logs.take());
  }

  /// Writes nothing unless it is committed.
  payment_written apply(const write_payment& command) {
    const auto& change = command.change;
    const auto& next = change.next;
    payment_written out;
    const bool marks = !change.processed.is_nil();
    if (marks && is_processed(db_, "payment", change.processed)) {
      out.status = commit_status::committed;
      out.duplicate = true;
      return out;
    }
    out.status = commit_status::rejected;
    if (!next.payment_key.empty() && next.status == payment_status::capturing) {
      auto& q = db_.prepared<find_taken_key>();
      q.payment_key = next.payment_key;
      q.id = to_string(next.id);
      if (one(q.st)) {
        out.key_taken = true;
        return out;
      }
    }
    if (next.version == 1) {
      auto& q = db_.prepared<insert_payment>();
      q.set(next);
      if (run(q.st) != 1)
        return out;
    } else {
      auto& q = db_.prepared<update_payment>();
      q.set(next);
      q.before = q.version - 1;
      if (run(q.st) != 1)
        return out;
    }
    if (marks)
      mark_processed(db_, "payment", change.processed, command.now);
    append_outbox(db_, change.events);
    for (const auto& line : change.log) {
      auto& q = db_.prepared<insert_log>();
      q.id = to_string(next.id);
      q.at = to_millis(line.at);
      q.action = line.action;
      q.outcome = line.outcome;
      q.detail = line.detail;
      run(q.st);
    }
    out.status = commit_status::committed;
    return out;
  }

  void look_up(const std::vector<payment_write>& batch, std::vector<payment_written>& out) {
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const auto* look = std::get_if<look_up_payment>(&batch[i].command);
      if (!look)
        continue;
      try {
        out[i].found = first(db_.prepared<by_id>().rows(to_string(look->payment), 1));
        out[i].status = commit_status::committed;
      } catch (const std::exception& e) {
        spdlog::warn("payment store: {}", e.what());
        db_.forget_prepared();
        broken_ = true;
        return;
      }
    }
  }

  database db_;
  bool broken_ = false;
};

class sql_payment_queries final : public payment_queries {
public:
  explicit sql_payment_queries(database db) : guard_(std::move(db), "payment queries") {}

  result<std::vector<payment_view>> payments_of(const payment_subject& subject) override {
    return guard_.run<std::vector<payment_view>>([&]() -> std::vector<payment_view> {
      const auto id = to_string(subject.id);
      switch (subject.kind) {
      case subject_kind::reservation:
        return guard_.db().prepared<by_reservation>().rows(id, 20);
      case subject_kind::transfer:
        return guard_.db().prepared<by_transfer>().rows(id, 20);
      case subject_kind::membership:
        return guard_.db().prepared<by_membership>().rows(id, 20);
      }
      return {};
    });
  }

  result<std::optional<payment_view>> find(payment_id id) override {
    return one_of<by_id>(to_string(id));
  }

  result<std::optional<payment_view>> find_by_order(const std::string& order_id) override {
    return one_of<by_order>(order_id);
  }

  result<std::optional<payment_view>> find_by_key(const std::string& payment_key) override {
    return one_of<by_key>(payment_key);
  }

  result<payment_page> payments_by(user_id user, std::int64_t limit, std::int64_t offset) override {
    return guard_.run<payment_page>([&] {
      payment_page page;
      const auto id = to_string(user);
      long long total = 0;
      guard_.db().session() << "SELECT count(*) FROM payments WHERE user_id = :u", soci::use(id),
          soci::into(total);
      page.total = total;
      page.payments = guard_.db().prepared<by_user>().rows(id, limit, offset);
      return page;
    });
  }

  result<std::vector<payment_view>> unfinished(payment_id after, std::size_t limit) override {
    return guard_.run<std::vector<payment_view>>([&] {
      return guard_.db().prepared<by_progress>().rows(to_string(after),
                                                      static_cast<std::int64_t>(limit));
    });
  }

private:
  template <class Query>
  result<std::optional<payment_view>> one_of(std::string key) {
    return guard_.run<std::optional<payment_view>>(
        [&] { return first(guard_.db().prepared<Query>().rows(std::move(key), 1)); });
  }
  query_guard guard_;
};

} // namespace

std::shared_ptr<payment::payment_writes> make_payment_writes(database db) {
  db.find_by_key();
  return std::make_shared<sql_payment_writes>(std::move(db));
}

std::unique_ptr<payment::payment_queries> make_payment_queries(database db) {
  return std::make_unique<sql_payment_queries>(std::move(db));
}

} // namespace tiketi::sql
