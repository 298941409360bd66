#include "storage/memory/idempotency_store.hpp"

#include <algorithm>
#include <utility>

namespace tiketi::memory {

namespace {

using namespace idempotency;

class memory_queries final : public key_queries {
public:
  explicit memory_queries(std::shared_ptr<const key_store> store) : store_(std::move(store)) {}

  result<found_key> find(const find_key& query) override { return store_->find(query); }
  result<key_counts> counts() override { return store_->counts(); }

private:
  std::shared_ptr<const key_store> store_;
};

} // namespace

void key_store::set_fate(std::function<fate(const std::vector<key_write>&)> f) {
  const std::lock_guard lock{mutex_};
  fate_ = std::move(f);
}

void key_store::set_unreadable(bool unreadable) {
  const std::lock_guard lock{mutex_};
  unreadable_ = unreadable;
}

bool key_store::apply(const key_write& command, key_written& out) {
  const auto put = [&](const key_record& record, bool over_note) {
    const auto found = rows_.find(record.scope);
    const bool free =
        found == rows_.end() || found->second.expires_at <= command.now
        || (over_note && !found->second.done && found->second.incarnation == record.incarnation);
    if (free)
      rows_[record.scope] = record;
    return free;
  };
  if (const auto* note = std::get_if<note_run>(&command.what))
    return put(note->record, false);
  if (const auto* keep = std::get_if<keep_answer>(&command.what))
    return put(keep->record, true);
  if (const auto* drop = std::get_if<drop_key>(&command.what)) {
    rows_.erase(drop->scope);
    return true;
  }
  const auto& purge = std::get<purge_keys>(command.what);
  std::vector<std::pair<time_point, digest>> old;
  for (const auto& [scope, record] : rows_)
    if (record.expires_at <= purge.before)
      old.emplace_back(record.expires_at, scope);
  std::sort(old.begin(), old.end());
  old.resize(std::min(old.size(), purge.limit));
  for (const auto& one : old) {
    out.purged.push_back(rows_[one.second].owner);
    rows_.erase(one.second);
  }
  return true;
}

std::vector<key_written> key_store::commit(std::vector<key_write>& batch) {
  const std::lock_guard lock{mutex_};
  const auto what = fate_ ? fate_(batch) : fate::committed;
  std::vector<key_written> out(batch.size());
  const bool writes = what == fate::committed || what == fate::unknown;
  if (writes)
    ++batches_;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const bool done = writes && apply(batch[i], out[i]);
    if (what == fate::committed)
      out[i].status = done ? commit_status::committed : commit_status::rejected;
    else
      out[i] = {what == fate::failed ? commit_status::failed : commit_status::unknown, {}};
  }
  return out;
}

result<found_key> key_store::find(const find_key& query) const {
  const std::lock_guard lock{mutex_};
  if (unreadable_)
    return failure{errc::unavailable};
  const auto found = rows_.find(query.scope);
  if (found == rows_.end())
    return found_key{};
  return found_key{found->second};
}

result<key_counts> key_store::counts() const {
  const std::lock_guard lock{mutex_};
  if (unreadable_)
    return failure{errc::unavailable};
  std::map<std::string, std::size_t> owners;
  for (const auto& [scope, record] : rows_)
    ++owners[record.owner];
  return key_counts{{owners.begin(), owners.end()}};
}

std::size_t key_store::size() const {
  const std::lock_guard lock{mutex_};
  return rows_.size();
}

std::size_t key_store::batches() const {
  const std::lock_guard lock{mutex_};
  return batches_;
}

std::unique_ptr<key_queries> make_key_queries(std::shared_ptr<const key_store> store) {
  return std::make_unique<memory_queries>(std::move(store));
}

} // namespace tiketi::memory
