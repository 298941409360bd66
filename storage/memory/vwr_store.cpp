#include "storage/memory/vwr_store.hpp"

#include <utility>

namespace tiketi::memory {

namespace {

class memory_queries final : public vwr::room_queries {
public:
  explicit memory_queries(std::shared_ptr<const room_store> store) : store_(std::move(store)) {}

  result<vwr::stored_room> load(const vwr::load_room& query) override {
    return store_->load(query);
  }
  result<vwr::room_list> all() override { return store_->all(); }

private:
  std::shared_ptr<const room_store> store_;
};

} // namespace

void room_store::set_fate(std::function<fate(const std::vector<vwr::save_room>&)> f) {
  const std::lock_guard lock{mutex_};
  fate_ = std::move(f);
}

void room_store::set_unreadable(bool unreadable) {
  const std::lock_guard lock{mutex_};
  unreadable_ = unreadable;
}

std::vector<vwr::room_saved> room_store::commit(std::vector<vwr::save_room>& batch) {
  const std::lock_guard lock{mutex_};
  const auto what = fate_ ? fate_(batch) : fate::committed;
  std::vector<vwr::room_saved> out(batch.size());
  if (what == fate::committed || what == fate::unknown)
    ++batches_;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const auto& [event, row] = batch[i];
    const auto found = rows_.find(event);
    const auto version = found == rows_.end() ? 0 : found->second.version;
    const bool fits = version + 1 == row.version;
    if (fits && (what == fate::committed || what == fate::unknown))
      rows_[event] = row;
    if (what == fate::committed)
      out[i].status = fits ? commit_status::committed : commit_status::rejected;
    else
      out[i].status = what == fate::failed ? commit_status::failed : commit_status::unknown;
  }
  return out;
}

vwr::stored_room room_store::row(const event_id& event) const {
  const std::lock_guard lock{mutex_};
  const auto found = rows_.find(event);
  if (found == rows_.end())
    return {event, false, {}};
  return {event, true, found->second};
}

void room_store::put(const event_id& event, const vwr::room_row& row) {
  const std::lock_guard lock{mutex_};
  rows_[event] = row;
}

std::size_t room_store::batches() const {
  const std::lock_guard lock{mutex_};
  return batches_;
}

result<vwr::stored_room> room_store::load(const vwr::load_room& query) const {
  {
    const std::lock_guard lock{mutex_};
    if (unreadable_)
      return failure{errc::unavailable};
  }
  return row(query.event);
}

result<vwr::room_list> room_store::all() const {
  const std::lock_guard lock{mutex_};
  if (unreadable_)
    return failure{errc::unavailable};
  vwr::room_list out;
  for (const auto& [event, row] : rows_)
    out.rooms.push_back({event, true, row});
  return out;
}

std::unique_ptr<vwr::room_queries> make_room_queries(std::shared_ptr<const room_store> store) {
  return std::make_unique<memory_queries>(std::move(store));
}

} // namespace tiketi::memory
