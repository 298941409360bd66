#pragma once

#include "storage/memory/ticket_benefits.hpp"
#include "storage/memory/ticket_store.hpp"

#include <memory>
#include <mutex>
#include <optional>
#include <utility>

// For the sources of the memory ticket store only.

namespace tiketi::memory {

struct ticket_store::shared {
  std::mutex lock;
  ticket_state state;
  bool away = false;
  std::function<commit_fault(const std::vector<ticket::ticket_write>&)> on_batch;

  template <class T, class F>
  result<T> read(F f) {
    std::lock_guard guard(lock);
    if (away)
      return failure{errc::unavailable};
    return f(state);
  }
};

class ticket_store::transfer_view final : public ticket::transfer_queries {
public:
  explicit transfer_view(std::shared_ptr<shared> s) : shared_(std::move(s)) {}

  result<std::optional<ticket::transfer_view>> find(transfer_id id) override;
  result<ticket::transfer_page> listed(artist_id artist, std::int64_t limit,
                                       std::int64_t offset) override;
  result<std::vector<ticket::transfer_view>> offered_by(user_id seller,
                                                        std::int64_t limit) override;
  result<std::optional<artist_id>> artist_of(reservation_id id) override;

private:
  std::shared_ptr<shared> shared_;
};

class ticket_store::membership_view final : public membership::membership_queries {
public:
  explicit membership_view(std::shared_ptr<shared> s) : shared_(std::move(s)) {}

  result<std::optional<membership::membership_view>> find(membership_id id) override;
  result<std::optional<membership::membership_view>> find_of(user_id user,
                                                             artist_id artist) override;
  result<std::vector<membership::membership_view>> memberships_of(user_id user,
                                                                  std::size_t limit) override;
  result<std::vector<membership::point_entry>> points_of(membership_id id,
                                                         std::size_t limit) override;
  result<bool> has_points_for(membership_id id, const uuid& reference) override;
  result<std::optional<membership::artist_card>> artist(artist_id id) override;
  result<artist_id> artist_of(event_id event) override;
  result<std::vector<membership::membership_row>> over(time_point now, std::size_t limit) override;

private:
  std::shared_ptr<shared> shared_;
};

} // namespace tiketi::memory
