#include "storage/sql/webhook_store.hpp"

#include "actors/webhook/rules.hpp"
#include "storage/sql/built_query.hpp"
#include "storage/sql/query_guard.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include <spdlog/spdlog.h>

namespace tiketi::sql {

namespace {

using namespace webhook;

constexpr std::string_view consumer = "webhook";
constexpr std::string_view hook_columns =
    "id, url, description, types, event_id, state, state_reason, state_since, secret, old_secret, "
    "old_secret_until, pending, dead, missed, created_by, created_at, updated_at";

/// Names of types hold no comma.
std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words)
    out += (out.empty() ? "" : ",") + word;
  return out;
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(',', at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

webhook_state parse_state(const std::string& word) {
  for (const auto s : {webhook_state::active, webhook_state::paused, webhook_state::suspended})
    if (to_string(s) == word)
      return s;
  return webhook_state::disabled;
}

delivery_status parse_status(const std::string& word) {
  for (const auto s : {delivery_status::pending, delivery_status::delivered})
    if (to_string(s) == word)
      return s;
  return delivery_status::dead;
}

/// Rows of `hook_columns`, behind a query that was put together up to its end.
std::vector<webhook_row> rows_of(built_query& q) {
  std::string id, url, description, types, event, state, reason, secret, old_secret, created_by;
  soci::indicator has_event = soci::i_null;
  soci::indicator has_author = soci::i_null;
  long long since = 0, old_until = 0, pending = 0, dead = 0, missed = 0, created = 0, updated = 0;
  q.into(id).into(url).into(description).into(types).into(event, has_event).into(state);
  q.into(reason).into(since).into(secret).into(old_secret).into(old_until).into(pending);
  q.into(dead).into(missed).into(created_by, has_author).into(created).into(updated);
  std::vector<webhook_row> out;
  for (bool more = q.run(); more; more = q.next()) {
    auto& row = out.emplace_back();
    auto& v = row.view;
    v.id = parse_id<webhook_id>(id).value_or(webhook_id{});
    v.url = url;
    v.description = description;
    v.types = split(types);
    if (has_event == soci::i_ok)
      v.event = parse_id<event_id>(event).value_or(event_id{});
    v.state = parse_state(state);
    v.state_reason = reason;
    v.state_since = from_millis(since);
    row.secret = secret;
    row.old_secret = old_secret;
    v.old_secret_until = from_millis(old_until);
    v.pending = pending;
    v.dead = dead;
    v.missed = missed;
    if (has_author == soci::i_ok)
      v.created_by = parse_id<user_id>(created_by).value_or(user_id{});
    v.created_at = from_millis(created);
    v.updated_at = from_millis(updated);
  }
  return out;
}

std::vector<webhook_row> all_hooks(database& db) {
  built_query q{db};
  q << "SELECT " << hook_columns << " FROM webhooks ORDER BY created_at, id";
  return rows_of(q);
}

struct insert_delivery {
  explicit insert_delivery(soci::session& sql)
      : st((sql.prepare << "INSERT INTO webhook_deliveries(webhook_id, event_id, lane_key, type, "
                           "occurred_at, trace, body, status, attempts, replays, last_status, "
                           "last_error, queued_at, ended_at) VALUES (:h, :e, :k, :t, :o, :r, :b, "
                           "'pending', 0, 0, 0, '', :q, 0)",
            soci::use(hook), soci::use(event), soci::use(key), soci::use(type),
            soci::use(occurred_at), soci::use(trace), soci::use(body), soci::use(queued_at))) {}

  std::string hook, event, key, type, trace, body;
  long long occurred_at = 0, queued_at = 0;
  soci::statement st;
};

/// A lane that exists keeps its head.
struct insert_lane {
  explicit insert_lane(soci::session& sql)
      : st((sql.prepare << "INSERT INTO webhook_lanes(webhook_id, lane_key, head, due_at) "
                           "SELECT webhook_id, lane_key, sequence, queued_at "
                           "FROM webhook_deliveries WHERE webhook_id = :h AND event_id = :e "
                           "ON CONFLICT DO NOTHING",
            soci::use(hook), soci::use(event))) {}

  std::string hook, event;
  soci::statement st;
};

webhook_written done() {
  webhook_written out;
  out.status = commit_status::committed;
  return out;
}

webhook_written refuse(failure why) {
  webhook_written out;
  out.status = commit_status::rejected;
  out.refused = std::move(why);
  return out;
}

class sql_webhook_writes final : public webhook_writes {
public:
  explicit sql_webhook_writes(database db) : db_(std::move(db)) {}

  std::vector<webhook_written> commit(std::vector<webhook_write>& batch) override {
    std::vector<webhook_written> out(batch.size());
    if (commit_range(batch, out, 0, batch.size()) || batch.size() == 1)
      return out;
    // One command may have spoilt the transaction for the others, so each gets its own.
    for (std::size_t i = 0; i < batch.size(); ++i)
      if (out[i].status == commit_status::failed)
        commit_range(batch, out, i, i + 1);
    return out;
  }

private:
  /// False: nothing of it is written, or (`unknown`) that is in doubt.
  bool commit_range(const std::vector<webhook_write>& batch, std::vector<webhook_written>& out,
                    std::size_t first, std::size_t last) {
    if (!connected_ && !(connected_ = db_.reconnect().has_value()))
      return false;
    bool committing = false;
    hooks_.reset();
    try {
      transaction tx{db_};
      write_alone(db_); // other nodes write here too
      for (auto i = first; i < last; ++i)
        out[i] = std::visit([&](const auto& x) { return apply(x, batch[i]); }, batch[i].command);
      committing = true;
      tx.commit();
      return true;
    } catch (const std::exception& e) {
      spdlog::error("webhook store: {}", cause_of(e));
      const bool doubt = committing && leaves_doubt(e, db_.kind());
      for (auto i = first; i < last; ++i) {
        out[i] = {};
        out[i].status = doubt ? commit_status::unknown : commit_status::failed;
      }
      db_.forget_prepared();
      connected_ = false;
      return false;
    }
  }

  /// All webhooks, read once per transaction: meanwhile nobody else writes them.
  std::vector<webhook_row>& hooks() {
    if (!hooks_)
      hooks_ = all_hooks(db_);
    return *hooks_;
  }

  webhook_row* find(webhook_id id) {
    auto& all = hooks();
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const auto& h) { return h.view.id == id; });
    return found == all.end() ? nullptr : &*found;
  }

  webhook_written apply(const fan_out& x, const webhook_write& all) {
    auto out = done();
    const auto wanted = [&](const webhook_row& h) { return wants(h.view, x.type, x.about); };
    if (std::none_of(hooks().begin(), hooks().end(), wanted))
      return out;
    if (!mark_processed(db_, consumer, x.event, all.now)) {
      out.duplicate = true;
      return out;
    }
    for (auto& hook : hooks()) {
      if (!wanted(hook))
        continue;
      if (accept(hook.view, all.limits, all.now)) {
        add_delivery(hook.view.id, x, all.now);
        out.queued.push_back(hook.view.id);
        ++out.rows;
      }
      save_state(hook);
      out.hooks.push_back(hook);
    }
    return out;
  }

  void add_delivery(webhook_id hook, const fan_out& x, time_point now) {
    auto& row = db_.prepared<insert_delivery>();
    row.hook = to_string(hook);
    row.event = to_string(x.event);
    row.key = x.key;
    row.type = x.type;
    row.occurred_at = to_millis(x.occurred_at);
    row.trace = x.trace;
    row.body = x.body;
    row.queued_at = to_millis(now);
    run(row.st);
    auto& lane = db_.prepared<insert_lane>();
    lane.hook = row.hook;
    lane.event = row.event;
    run(lane.st);
  }

  webhook_written apply(const insert_webhook& x, const webhook_write& all) {
    const auto& by = x.row.view.created_by;
    const auto mine = std::count_if(hooks().begin(), hooks().end(),
                                    [&](const auto& h) { return h.view.created_by == by; });
    if (static_cast<std::int64_t>(hooks().size()) >= all.limits.webhooks_max)
      return refuse({errc::limit_exceeded, "There are too many webhooks"});
    if (mine >= all.limits.webhooks_per_organiser)
      return refuse({errc::limit_exceeded, "You have too many webhooks"});
    const auto& v = x.row.view;
    built_query q{db_};
    q << "INSERT INTO webhooks(" << hook_columns << ") VALUES (";
    q.value(v.id) << ", ";
    q.value(v.url) << ", ";
    q.value(v.description) << ", ";
    q.value(join(v.types)) << ", ";
    q.value(v.event) << ", ";
    q.value(to_string(v.state)) << ", ";
    q.value(v.state_reason) << ", ";
    q.value(v.state_since) << ", ";
    q.value(x.row.secret) << ", ";
    q.value(x.row.old_secret) << ", ";
    q.value(v.old_secret_until) << ", ";
    q.value(v.pending) << ", ";
    q.value(v.dead) << ", ";
    q.value(v.missed) << ", ";
    q.value(v.created_by) << ", ";
    q.value(v.created_at) << ", ";
    q.value(v.updated_at) << ")";
    q.write();
    hooks().push_back(x.row);
    auto out = done();
    out.hooks.push_back(x.row);
    return out;
  }

  webhook_written apply(const edit_webhook& x, const webhook_write& all) {
    auto* hook = find(x.change.id);
    if (!hook)
      return refuse({errc::not_found, "Webhook not found"});
    webhook::apply(hook->view, x.change, all.now);
    const auto& v = hook->view;
    built_query q{db_};
    q << "UPDATE webhooks SET url = ";
    q.value(v.url) << ", description = ";
    q.value(v.description) << ", types = ";
    q.value(join(v.types)) << ", event_id = ";
    q.value(v.event) << ", updated_at = ";
    q.value(v.updated_at) << " WHERE id = ";
    q.value(v.id).write();
    save_state(*hook);
    auto out = done();
    out.hooks.push_back(*hook);
    out.queued.push_back(v.id);
    return out;
  }

  webhook_written apply(const remove_webhook& x, const webhook_write&) {
    if (!find(x.hook))
      return refuse({errc::not_found, "Webhook not found"});
    built_query lanes{db_};
    lanes << "DELETE FROM webhook_lanes WHERE webhook_id = ";
    lanes.value(x.hook).write();
    built_query hook{db_};
    hook << "DELETE FROM webhooks WHERE id = ";
    hook.value(x.hook).write();
    // There may be very many deliveries; purges remove them.
    built_query rest{db_};
    rest << "INSERT INTO removed_webhooks(id) VALUES (";
    rest.value(x.hook) << ")";
    rest.write();
    std::erase_if(hooks(), [&](const auto& h) { return h.view.id == x.hook; });
    return done();
  }

  webhook_written apply(const replace_secret& x, const webhook_write& all) {
    auto* hook = find(x.hook);
    if (!hook)
      return refuse({errc::not_found, "Webhook not found"});
    rotate(*hook, x, all.now);
    save_secrets(*hook);
    auto out = done();
    out.hooks.push_back(*hook);
    return out;
  }

  webhook_written apply(const settle& x, const webhook_write& all) {
    auto out = done();
    auto* hook = find(x.hook);
    if (!hook)
      return out;
    std::string status, key;
    int attempts = 0;
    {
      built_query q{db_};
      q << "SELECT status, attempts, lane_key FROM webhook_deliveries WHERE sequence = ";
      q.value(x.sequence) << " AND webhook_id = ";
      q.value(x.hook).into(status).into(attempts).into(key);
      if (!q.run())
        return out;
    }
    if (parse_status(status) != delivery_status::pending || attempts + 1 != x.attempt)
      return out;
    const auto& o = x.outcome;
    const bool over = o.what == settlement::delivered || o.what == settlement::dead;
    built_query q{db_};
    q << "UPDATE webhook_deliveries SET attempts = ";
    q.value(std::int64_t{x.attempt}) << ", last_status = ";
    q.value(std::int64_t{o.status}) << ", last_error = ";
    q.value(o.error);
    if (over) {
      q << ", status = ";
      q.value(to_string(o.what == settlement::dead ? delivery_status::dead
                                                   : delivery_status::delivered))
          << ", ended_at = ";
      q.value(all.now);
    }
    // What arrived is not kept.
    if (o.what == settlement::delivered)
      q << ", body = ''";
    q << " WHERE sequence = ";
    q.value(x.sequence).write();
    move_lane(x.hook, key, x.sequence, o.what == settlement::retry ? o.retry_at : all.now, all.now);
    webhook::apply(hook->view, o, all.now);
    save_state(*hook);
    out.hooks.push_back(*hook);
    out.queued.push_back(x.hook);
    return out;
  }

  /// The first pending delivery of the lane becomes its head: `settled`, which is due at `due`
  /// then, or another one, which may be sent now. Without any the lane goes.
  void move_lane(webhook_id hook, const std::string& key, std::int64_t settled, time_point due,
                 time_point now) {
    long long head = 0;
    soci::indicator any = soci::i_null;
    {
      built_query q{db_};
      q << "SELECT min(sequence) FROM webhook_deliveries WHERE webhook_id = ";
      q.value(hook) << " AND lane_key = ";
      q.value(key) << " AND status = 'pending'";
      q.into(head, any).run();
    }
    built_query q{db_};
    if (any != soci::i_ok) {
      q << "DELETE FROM webhook_lanes WHERE webhook_id = ";
      q.value(hook) << " AND lane_key = ";
      q.value(key).write();
      return;
    }
    q << "UPDATE webhook_lanes SET head = ";
    q.value(std::int64_t{head}) << ", due_at = ";
    q.value(head == settled ? due : now) << " WHERE webhook_id = ";
    q.value(hook) << " AND lane_key = ";
    q.value(key).write();
  }

  webhook_written apply(const replay& x, const webhook_write& all) {
    auto* hook = find(x.hook);
    if (!hook)
      return refuse({errc::not_found, "Webhook not found"});
    const auto room = std::max<std::int64_t>(all.limits.pending_max - hook->view.pending, 0);
    const auto rows_max = std::min(room, x.rows_max);
    std::vector<std::pair<std::int64_t, std::string>> found;
    if (rows_max > 0 && (x.all || !x.deliveries.empty())) {
      long long sequence = 0;
      std::string key;
      built_query q{db_};
      q << "SELECT sequence, lane_key FROM webhook_deliveries WHERE webhook_id = ";
      q.value(x.hook) << " AND status = 'dead'";
      if (!x.all) {
        q << " AND event_id IN (";
        for (std::size_t i = 0; i < x.deliveries.size(); ++i) {
          q << (i == 0 ? "" : ", ");
          q.value(to_string(x.deliveries[i]));
        }
        q << ")";
      }
      q << " ORDER BY sequence LIMIT ";
      q.value(rows_max).into(sequence).into(key);
      for (bool more = q.run(); more; more = q.next())
        found.emplace_back(sequence, key);
    }
    for (const auto& [sequence, key] : found)
      revive(x.hook, sequence, key, all.now);
    auto out = done();
    out.rows = static_cast<std::int64_t>(found.size());
    hook->view.pending += out.rows;
    hook->view.dead -= out.rows;
    save_state(*hook);
    out.hooks.push_back(*hook);
    out.queued.push_back(x.hook);
    return out;
  }

  void revive(webhook_id hook, std::int64_t sequence, const std::string& key, time_point now) {
    built_query row{db_};
    row << "UPDATE webhook_deliveries SET status = 'pending', attempts = 0, replays = replays + 1, "
           "ended_at = 0, queued_at = ";
    row.value(now) << " WHERE sequence = ";
    row.value(sequence).write();
    // It goes before what waits in its lane, and does not wait for that one's next attempt.
    built_query lane{db_};
    lane << "INSERT INTO webhook_lanes(webhook_id, lane_key, head, due_at) VALUES (";
    lane.value(hook) << ", ";
    lane.value(key) << ", ";
    lane.value(sequence) << ", ";
    lane.value(now) << ") ON CONFLICT (webhook_id, lane_key) DO UPDATE SET head = excluded.head, "
                       "due_at = excluded.due_at WHERE excluded.head < webhook_lanes.head";
    lane.write();
  }

  webhook_written apply(const purge& x, const webhook_write& all) {
    auto out = done();
    const auto count = [&](std::size_t rows) {
      out.rows += static_cast<std::int64_t>(rows);
      out.more = out.more || static_cast<std::int64_t>(rows) >= x.rows_max;
    };
    for (const auto id : removed()) {
      built_query q{db_};
      q << "DELETE FROM webhook_deliveries WHERE sequence IN (SELECT sequence FROM "
           "webhook_deliveries WHERE webhook_id = ";
      q.value(id) << " LIMIT ";
      q.value(x.rows_max) << ")";
      const auto rows = q.write();
      count(rows);
      if (static_cast<std::int64_t>(rows) >= x.rows_max)
        break;
      built_query over{db_};
      over << "DELETE FROM removed_webhooks WHERE id = ";
      over.value(id).write();
    }
    built_query delivered{db_};
    delivered << "DELETE FROM webhook_deliveries WHERE sequence IN (SELECT sequence FROM "
                 "webhook_deliveries WHERE status = 'delivered' AND ended_at < ";
    delivered.value(x.delivered_before) << " LIMIT ";
    delivered.value(x.rows_max) << ")";
    count(delivered.write());
    bury(x, out);
    built_query processed{db_};
    processed << "DELETE FROM processed_events WHERE consumer = ";
    processed.value(std::string{consumer})
        << " AND event_id IN (SELECT event_id FROM processed_events WHERE processed_at < ";
    processed.value(x.processed_before) << " LIMIT ";
    processed.value(x.rows_max) << ")";
    count(processed.write());
    for (auto& hook : hooks()) {
      if (hook.old_secret.empty() || hook.view.old_secret_until > all.now)
        continue;
      hook.old_secret.clear();
      hook.view.old_secret_until = time_point{};
      save_secrets(hook);
      out.hooks.push_back(hook);
    }
    return out;
  }

  std::vector<webhook_id> removed() {
    std::vector<webhook_id> out;
    std::string id;
    built_query q{db_};
    q << "SELECT id FROM removed_webhooks ORDER BY id LIMIT 100";
    q.into(id);
    for (bool more = q.run(); more; more = q.next())
      out.push_back(parse_id<webhook_id>(id).value_or(webhook_id{}));
    return out;
  }

  /// Dead letters that nobody replayed in time.
  void bury(const purge& x, webhook_written& out) {
    std::vector<std::pair<std::int64_t, webhook_id>> found;
    {
      long long sequence = 0;
      std::string hook;
      built_query q{db_};
      q << "SELECT sequence, webhook_id FROM webhook_deliveries WHERE status = 'dead' AND "
           "ended_at < ";
      q.value(x.dead_before) << " ORDER BY ended_at LIMIT ";
      q.value(x.rows_max).into(sequence).into(hook);
      for (bool more = q.run(); more; more = q.next())
        found.emplace_back(sequence, parse_id<webhook_id>(hook).value_or(webhook_id{}));
    }
    for (const auto& [sequence, id] : found) {
      built_query q{db_};
      q << "DELETE FROM webhook_deliveries WHERE sequence = ";
      q.value(sequence).write();
      if (auto* hook = find(id))
        --hook->view.dead;
    }
    out.rows += static_cast<std::int64_t>(found.size());
    out.more = out.more || static_cast<std::int64_t>(found.size()) >= x.rows_max;
    for (auto& hook : hooks()) {
      const auto touched = std::any_of(found.begin(), found.end(),
                                       [&](const auto& f) { return f.second == hook.view.id; });
      if (!touched)
        continue;
      save_state(hook);
      out.hooks.push_back(hook);
    }
  }

  void save_state(const webhook_row& hook) {
    const auto& v = hook.view;
    built_query q{db_};
    q << "UPDATE webhooks SET state = ";
    q.value(to_string(v.state)) << ", state_reason = ";
    q.value(v.state_reason) << ", state_since = ";
    q.value(v.state_since) << ", pending = ";
    q.value(v.pending) << ", dead = ";
    q.value(v.dead) << ", missed = ";
    q.value(v.missed) << " WHERE id = ";
    q.value(v.id).write();
  }

  void save_secrets(const webhook_row& hook) {
    built_query q{db_};
    q << "UPDATE webhooks SET secret = ";
    q.value(hook.secret) << ", old_secret = ";
    q.value(hook.old_secret) << ", old_secret_until = ";
    q.value(hook.view.old_secret_until) << ", updated_at = ";
    q.value(hook.view.updated_at) << " WHERE id = ";
    q.value(hook.view.id).write();
  }

  database db_;
  bool connected_ = true;
  std::optional<std::vector<webhook_row>> hooks_; ///< of the transaction under way
};

// -- queries -----------------------------------------------------------------------------------

class sql_webhook_queries final : public webhook_queries {
public:
  explicit sql_webhook_queries(database db) : guard_(std::move(db), "webhook store") {}

  result<std::vector<webhook_row>> webhooks() override {
    return guard_.run<std::vector<webhook_row>>([&] { return all_hooks(guard_.db()); });
  }

  result<due_page> due(webhook_id hook, time_point now, std::size_t limit) override {
    return guard_.run<due_page>([&] {
      due_page out;
      {
        std::string event, key, type, trace, body;
        long long sequence = 0, queued = 0;
        int attempts = 0;
        built_query q{guard_.db()};
        q << "SELECT d.sequence, d.event_id, d.lane_key, d.type, d.trace, d.body, d.attempts, "
             "d.queued_at FROM webhook_lanes l JOIN webhook_deliveries d ON d.sequence = l.head "
             "WHERE l.webhook_id = ";
        q.value(hook) << " AND l.due_at <= ";
        q.value(now) << " ORDER BY l.due_at, l.head LIMIT ";
        q.value(static_cast<std::int64_t>(limit));
        q.into(sequence).into(event).into(key).into(type).into(trace).into(body);
        q.into(attempts).into(queued);
        for (bool more = q.run(); more; more = q.next())
          out.heads.push_back({{key, sequence},
                               parse_uuid(event).value_or(uuid{}),
                               type,
                               trace,
                               body,
                               attempts,
                               from_millis(queued)});
      }
      long long next = 0;
      soci::indicator any = soci::i_null;
      built_query q{guard_.db()};
      q << "SELECT min(due_at) FROM webhook_lanes WHERE webhook_id = ";
      q.value(hook) << " AND due_at > ";
      q.value(now).into(next, any).run();
      if (any == soci::i_ok)
        out.next = from_millis(next);
      return out;
    });
  }

  result<delivery_page> deliveries(const list_deliveries& query) override {
    return guard_.run<delivery_page>([&] {
      delivery_page out;
      const auto where = [&](built_query& q) {
        q << " WHERE d.webhook_id = ";
        q.value(query.id);
        if (query.status) {
          q << " AND d.status = ";
          q.value(to_string(*query.status));
        }
      };
      {
        long long total = 0;
        built_query q{guard_.db()};
        q << "SELECT count(*) FROM webhook_deliveries d";
        where(q);
        q.into(total).run();
        out.total = total;
      }
      std::string event, type, key, status, error;
      int attempts = 0, replays = 0, last_status = 0;
      long long occurred = 0, queued = 0, ended = 0, due = 0;
      soci::indicator is_head = soci::i_null;
      built_query q{guard_.db()};
      q << "SELECT d.event_id, d.type, d.lane_key, d.status, d.attempts, d.replays, d.last_status, "
           "d.last_error, d.occurred_at, d.queued_at, d.ended_at, l.due_at FROM "
           "webhook_deliveries d LEFT JOIN webhook_lanes l ON l.webhook_id = d.webhook_id AND "
           "l.lane_key = d.lane_key AND l.head = d.sequence";
      where(q);
      // Dead letters in the order in which they are replayed.
      const bool dead = query.status && *query.status == delivery_status::dead;
      q << " ORDER BY d.sequence " << (dead ? "ASC" : "DESC") << " LIMIT ";
      q.value(std::int64_t{query.limit}) << " OFFSET ";
      q.value((std::int64_t{query.page} - 1) * query.limit);
      q.into(event).into(type).into(key).into(status).into(attempts).into(replays);
      q.into(last_status).into(error).into(occurred).into(queued).into(ended).into(due, is_head);
      for (bool more = q.run(); more; more = q.next()) {
        auto& d = out.deliveries.emplace_back();
        d.id = parse_uuid(event).value_or(uuid{});
        d.type = type;
        d.key = key;
        d.status = parse_status(status);
        d.attempts = attempts;
        d.replays = replays;
        d.last_status = last_status;
        d.last_error = error;
        d.occurred_at = from_millis(occurred);
        d.queued_at = from_millis(queued);
        d.ended_at = from_millis(ended);
        if (is_head == soci::i_ok)
          d.next_attempt_at = from_millis(due);
      }
      return out;
    });
  }

private:
  query_guard guard_;
};

} // namespace

std::shared_ptr<webhook_writes> make_webhook_writes(database db) {
  return std::make_shared<sql_webhook_writes>(std::move(db));
}

std::unique_ptr<webhook_queries> make_webhook_queries(database db) {
  return std::make_unique<sql_webhook_queries>(std::move(db));
}

} // namespace tiketi::sql
