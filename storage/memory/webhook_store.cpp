#include "storage/memory/webhook_store.hpp"

#include "actors/webhook/rules.hpp"

#include <algorithm>
#include <mutex>
#include <tuple>

namespace tiketi::memory {

using namespace webhook;

struct webhook_store::shared {
  std::mutex mutex;
  webhook_data data;
  std::function<commit_fault(const std::vector<webhook_write>&)> hook;
  bool away = false;
};

namespace {

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

webhook_row* find(webhook_data& s, webhook_id id) {
  const auto found =
      std::find_if(s.hooks.begin(), s.hooks.end(), [&](const auto& h) { return h.view.id == id; });
  return found == s.hooks.end() ? nullptr : &*found;
}

webhook_written apply(webhook_data& s, const fan_out& x, const webhook_write& all) {
  auto out = done();
  const auto wanted = [&](const webhook_row& h) { return wants(h.view, x.type, x.about); };
  if (std::none_of(s.hooks.begin(), s.hooks.end(), wanted))
    return out;
  if (!s.processed.emplace(x.event, all.now).second) {
    out.duplicate = true;
    return out;
  }
  for (auto& hook : s.hooks) {
    if (!wanted(hook))
      continue;
    if (accept(hook.view, all.limits, all.now)) {
      webhook_data::delivery d;
      d.hook = hook.view.id;
      d.view.id = x.event;
      d.view.type = x.type;
      d.view.key = x.key;
      d.view.occurred_at = x.occurred_at;
      d.view.queued_at = all.now;
      d.trace = x.trace;
      d.body = x.body;
      const auto sequence = ++s.last_sequence;
      s.deliveries.emplace(sequence, std::move(d));
      s.lanes.try_emplace({hook.view.id, x.key}, webhook_data::lane{sequence, all.now});
      out.queued.push_back(hook.view.id);
      ++out.rows;
    }
    out.hooks.push_back(hook);
  }
  return out;
}

webhook_written apply(webhook_data& s, const insert_webhook& x, const webhook_write& all) {
  const auto mine = std::count_if(s.hooks.begin(), s.hooks.end(), [&](const auto& h) {
    return h.view.created_by == x.row.view.created_by;
  });
  if (static_cast<std::int64_t>(s.hooks.size()) >= all.limits.webhooks_max)
    return refuse({errc::limit_exceeded, "There are too many webhooks"});
  if (mine >= all.limits.webhooks_per_organiser)
    return refuse({errc::limit_exceeded, "You have too many webhooks"});
  s.hooks.push_back(x.row);
  auto out = done();
  out.hooks.push_back(x.row);
  return out;
}

webhook_written apply(webhook_data& s, const edit_webhook& x, const webhook_write& all) {
  auto* hook = find(s, x.change.id);
  if (!hook)
    return refuse({errc::not_found, "Webhook not found"});
  webhook::apply(hook->view, x.change, all.now);
  auto out = done();
  out.hooks.push_back(*hook);
  out.queued.push_back(hook->view.id);
  return out;
}

webhook_written apply(webhook_data& s, const remove_webhook& x, const webhook_write&) {
  if (!find(s, x.hook))
    return refuse({errc::not_found, "Webhook not found"});
  std::erase_if(s.hooks, [&](const auto& h) { return h.view.id == x.hook; });
  std::erase_if(s.lanes, [&](const auto& l) { return l.first.first == x.hook; });
  std::erase_if(s.deliveries, [&](const auto& d) { return d.second.hook == x.hook; });
  return done();
}

webhook_written apply(webhook_data& s, const replace_secret& x, const webhook_write& all) {
  auto* hook = find(s, x.hook);
  if (!hook)
    return refuse({errc::not_found, "Webhook not found"});
  rotate(*hook, x, all.now);
  auto out = done();
  out.hooks.push_back(*hook);
  return out;
}

void move_lane(webhook_data& s, webhook_id hook, const std::string& key, std::int64_t settled,
               time_point due, time_point now) {
  const auto next = std::find_if(s.deliveries.begin(), s.deliveries.end(), [&](const auto& d) {
    return d.second.hook == hook && d.second.view.key == key
           && d.second.view.status == delivery_status::pending;
  });
  if (next == s.deliveries.end())
    s.lanes.erase({hook, key});
  else
    s.lanes[{hook, key}] = {next->first, next->first == settled ? due : now};
}

webhook_written apply(webhook_data& s, const settle& x, const webhook_write& all) {
  auto out = done();
  auto* hook = find(s, x.hook);
  const auto found = s.deliveries.find(x.sequence);
  if (!hook || found == s.deliveries.end() || found->second.hook != x.hook)
    return out;
  auto& d = found->second;
  if (d.view.status != delivery_status::pending || d.view.attempts + 1 != x.attempt)
    return out;
  const auto& o = x.outcome;
  d.view.attempts = x.attempt;
  d.view.last_status = o.status;
  d.view.last_error = o.error;
  if (o.what == settlement::delivered || o.what == settlement::dead) {
    d.view.status = o.what == settlement::dead ? delivery_status::dead : delivery_status::delivered;
    d.view.ended_at = all.now;
  }
  if (o.what == settlement::delivered)
    d.body.clear();
  move_lane(s, x.hook, d.view.key, x.sequence, o.what == settlement::retry ? o.retry_at : all.now,
            all.now);
  webhook::apply(hook->view, o, all.now);
  out.hooks.push_back(*hook);
  out.queued.push_back(x.hook);
  return out;
}

webhook_written apply(webhook_data& s, const replay& x, const webhook_write& all) {
  auto* hook = find(s, x.hook);
  if (!hook)
    return refuse({errc::not_found, "Webhook not found"});
  const auto rows_max =
      std::min(std::max<std::int64_t>(all.limits.pending_max - hook->view.pending, 0), x.rows_max);
  auto out = done();
  for (auto& [sequence, d] : s.deliveries) {
    if (out.rows >= rows_max)
      break;
    const auto named =
        x.all
        || std::find(x.deliveries.begin(), x.deliveries.end(), d.view.id) != x.deliveries.end();
    if (d.hook != x.hook || d.view.status != delivery_status::dead || !named)
      continue;
    d.view.status = delivery_status::pending;
    d.view.attempts = 0;
    ++d.view.replays;
    d.view.ended_at = {};
    d.view.queued_at = all.now;
    const auto [lane, fresh] =
        s.lanes.try_emplace({x.hook, d.view.key}, webhook_data::lane{sequence, all.now});
    if (!fresh && sequence < lane->second.head)
      lane->second = {sequence, all.now};
    ++out.rows;
  }
  hook->view.pending += out.rows;
  hook->view.dead -= out.rows;
  out.hooks.push_back(*hook);
  out.queued.push_back(x.hook);
  return out;
}

webhook_written apply(webhook_data& s, const purge& x, const webhook_write& all) {
  auto out = done();
  std::set<webhook_id> touched;
  const auto sweep = [&](delivery_status status, time_point before) {
    std::int64_t rows = 0;
    for (auto i = s.deliveries.begin(); i != s.deliveries.end() && rows < x.rows_max;) {
      const auto& d = i->second;
      if (d.view.status != status || d.view.ended_at >= before) {
        ++i;
        continue;
      }
      if (auto* hook = find(s, d.hook); hook && status == delivery_status::dead) {
        --hook->view.dead;
        touched.insert(d.hook);
      }
      i = s.deliveries.erase(i);
      ++rows;
    }
    out.rows += rows;
    out.more = out.more || rows >= x.rows_max;
  };
  sweep(delivery_status::delivered, x.delivered_before);
  sweep(delivery_status::dead, x.dead_before);
  std::int64_t rows = 0;
  for (auto i = s.processed.begin(); i != s.processed.end() && rows < x.rows_max;) {
    if (i->second >= x.processed_before) {
      ++i;
      continue;
    }
    i = s.processed.erase(i);
    ++rows;
  }
  out.rows += rows;
  out.more = out.more || rows >= x.rows_max;
  for (auto& hook : s.hooks) {
    if (!hook.old_secret.empty() && hook.view.old_secret_until <= all.now) {
      hook.old_secret.clear();
      hook.view.old_secret_until = {};
      touched.insert(hook.view.id);
    }
    if (touched.contains(hook.view.id))
      out.hooks.push_back(hook);
  }
  return out;
}

} // namespace

class webhook_store::query_view final : public webhook_queries {
public:
  explicit query_view(std::shared_ptr<shared> s) : shared_(std::move(s)) {}

  result<std::vector<webhook_row>> webhooks() override {
    const std::lock_guard lock{shared_->mutex};
    if (shared_->away)
      return failure{errc::unavailable};
    return shared_->data.hooks;
  }

  result<due_page> due(webhook_id hook, time_point now, std::size_t limit) override {
    const std::lock_guard lock{shared_->mutex};
    if (shared_->away)
      return failure{errc::unavailable};
    const auto& s = shared_->data;
    due_page out;
    std::vector<std::pair<time_point, std::int64_t>> ready;
    for (const auto& [name, lane] : s.lanes) {
      if (name.first != hook)
        continue;
      if (lane.due_at <= now)
        ready.emplace_back(lane.due_at, lane.head);
      else
        out.next = out.next ? std::min(*out.next, lane.due_at) : lane.due_at;
    }
    std::sort(ready.begin(), ready.end());
    if (ready.size() > limit)
      ready.resize(limit);
    for (const auto& [at, sequence] : ready) {
      const auto& d = s.deliveries.at(sequence);
      out.heads.push_back({{d.view.key, sequence},
                           d.view.id,
                           d.view.type,
                           d.trace,
                           d.body,
                           d.view.attempts,
                           d.view.queued_at});
    }
    return out;
  }

  result<delivery_page> deliveries(const list_deliveries& query) override {
    const std::lock_guard lock{shared_->mutex};
    if (shared_->away)
      return failure{errc::unavailable};
    const auto& s = shared_->data;
    std::vector<delivery_view> rows;
    for (const auto& [sequence, d] : s.deliveries) {
      if (d.hook != query.id || (query.status && *query.status != d.view.status))
        continue;
      rows.push_back(d.view);
      const auto lane = s.lanes.find({d.hook, d.view.key});
      if (lane != s.lanes.end() && lane->second.head == sequence)
        rows.back().next_attempt_at = lane->second.due_at;
    }
    if (!query.status || *query.status != delivery_status::dead)
      std::reverse(rows.begin(), rows.end());
    delivery_page out;
    out.total = static_cast<std::int64_t>(rows.size());
    const auto first = (std::int64_t{query.page} - 1) * query.limit;
    for (auto i = first; i < out.total && i < first + query.limit; ++i)
      out.deliveries.push_back(rows[static_cast<std::size_t>(i)]);
    return out;
  }

private:
  std::shared_ptr<shared> shared_;
};

webhook_store::webhook_store() : shared_(std::make_shared<shared>()) {}

std::vector<webhook_written> webhook_store::commit(std::vector<webhook_write>& batch) {
  const std::lock_guard lock{shared_->mutex};
  std::vector<webhook_written> out(batch.size());
  if (shared_->away)
    return out;
  const auto fault = shared_->hook ? shared_->hook(batch) : commit_fault::none;
  if (fault == commit_fault::refused)
    return out;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (fault != commit_fault::commit_lost)
      out[i] = std::visit([&](const auto& x) { return apply(shared_->data, x, batch[i]); },
                          batch[i].command);
    if (fault != commit_fault::none) {
      out[i] = {};
      out[i].status = commit_status::unknown;
    }
  }
  return out;
}

void webhook_store::on_batch(std::function<commit_fault(const std::vector<webhook_write>&)> hook) {
  const std::lock_guard lock{shared_->mutex};
  shared_->hook = std::move(hook);
}

void webhook_store::set_away(bool away) {
  const std::lock_guard lock{shared_->mutex};
  shared_->away = away;
}

std::unique_ptr<webhook_queries> webhook_store::queries() const {
  return std::make_unique<query_view>(shared_);
}

const webhook_data& webhook_store::state() const {
  return shared_->data;
}

} // namespace tiketi::memory
