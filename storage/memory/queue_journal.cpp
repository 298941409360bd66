#include "storage/memory/queue_journal.hpp"

#include <utility>
#include <variant>

namespace tiketi::memory {

namespace {

using namespace queue;

struct op_runner {
  queue_rows& rows;

  void operator()(const join_line& op) {
    rows.waiting.emplace(op.sequence, op.user);
    if (op.unmark)
      rows.leaving.erase(op.user);
  }

  void operator()(const admit_user& op) {
    if (op.sequence != 0)
      rows.waiting.erase(op.sequence);
    rows.active[op.user] = {op.expires_at, op.ends_at};
    if (op.unmark)
      rows.leaving.erase(op.user);
  }

  void operator()(const renew_slot& op) {
    if (auto found = rows.active.find(op.user); found != rows.active.end())
      found->second.first = op.expires_at;
  }

  void operator()(const mark_leaving& op) { rows.leaving[op.user] = op.since_s; }
  void operator()(const unmark_leaving& op) { rows.leaving.erase(op.user); }

  void operator()(const drop_waiting& op) {
    rows.waiting.erase(op.sequence);
    if (op.leaving)
      rows.leaving.erase(op.user);
  }

  void operator()(const drop_active& op) {
    rows.active.erase(op.user);
    if (op.leaving)
      rows.leaving.erase(op.user);
  }

  void operator()(const set_limit& op) { rows.threshold = op.threshold; }

  void operator()(const clear_line&) {
    rows.waiting.clear();
    rows.active.clear();
    rows.leaving.clear();
  }

  void operator()(const purge_expired& op) {
    std::erase_if(rows.active, [&](const auto& row) { return row.second.first <= op.before; });
  }
};

class memory_queries final : public queue_queries {
public:
  explicit memory_queries(std::shared_ptr<const queue_journal> journal)
      : journal_(std::move(journal)) {}

  result<queue_page> load(const load_page& query) override { return journal_->load(query); }
  result<busy_events> busy() override { return journal_->busy(); }

private:
  std::shared_ptr<const queue_journal> journal_;
};

} // namespace

void queue_journal::set_fate(std::function<fate(const std::vector<queue_write>&)> f) {
  const std::lock_guard lock{mutex_};
  fate_ = std::move(f);
}

void queue_journal::set_unreadable(bool unreadable) {
  const std::lock_guard lock{mutex_};
  unreadable_ = unreadable;
}

std::vector<queue_written> queue_journal::commit(std::vector<queue_write>& batch) {
  const std::lock_guard lock{mutex_};
  const auto what = fate_ ? fate_(batch) : fate::committed;
  if (what == fate::committed || what == fate::unknown) {
    ++batches_;
    for (const auto& write : batch) {
      op_runner runner{events_[write.event]};
      for (const auto& op : write.ops)
        std::visit(runner, op);
      outbox_.insert(outbox_.end(), write.events.begin(), write.events.end());
    }
  }
  auto status = commit_status::unknown;
  if (what == fate::committed)
    status = commit_status::committed;
  else if (what == fate::failed)
    status = commit_status::failed;
  return std::vector<queue_written>(batch.size(), queue_written{status});
}

queue_rows queue_journal::rows(const event_id& event) const {
  const std::lock_guard lock{mutex_};
  const auto found = events_.find(event);
  return found == events_.end() ? queue_rows{} : found->second;
}

std::size_t queue_journal::batches() const {
  const std::lock_guard lock{mutex_};
  return batches_;
}

std::vector<domain_event> queue_journal::outbox() const {
  const std::lock_guard lock{mutex_};
  return outbox_;
}

result<queue_page> queue_journal::load(const load_page& query) const {
  const std::lock_guard lock{mutex_};
  if (unreadable_)
    return failure{errc::unavailable};
  queue_page page;
  const auto found = events_.find(query.event);
  if (found == events_.end())
    return page;
  const auto& rows = found->second;
  for (auto i = rows.waiting.upper_bound(query.after);
       i != rows.waiting.end() && page.waiting.size() < query.limit; ++i)
    page.waiting.push_back({i->second, i->first});
  if (query.after == 0) {
    page.threshold = rows.threshold;
    for (const auto& [user, times] : rows.active)
      page.active.push_back({user, times.first, times.second});
    for (const auto& [user, since] : rows.leaving)
      page.leaving.push_back({user, since});
  }
  return page;
}

result<busy_events> queue_journal::busy() const {
  const std::lock_guard lock{mutex_};
  if (unreadable_)
    return failure{errc::unavailable};
  busy_events out;
  for (const auto& [event, rows] : events_)
    if (!rows.waiting.empty() || !rows.active.empty() || !rows.leaving.empty())
      out.events.push_back(event);
  return out;
}

std::unique_ptr<queue_queries> make_queue_queries(std::shared_ptr<const queue_journal> journal) {
  return std::make_unique<memory_queries>(std::move(journal));
}

} // namespace tiketi::memory
