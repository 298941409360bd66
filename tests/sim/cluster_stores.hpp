#pragma once

#include "actors/base/result.hpp"
#include "storage/cluster_store.hpp"
#include "storage/queue_journal.hpp"
#include "storage/ticket_store.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

// A node's connections to the databases that all nodes share: they can be cut, and calls take time.

namespace tiketi::sim {

/// What happens to a call on its way. False: it fails.
using on_the_way = std::function<bool()>;

/// Membership and shards. `before`: on the way there; `after`: back, when all is done already.
class distant_cluster_store final : public cluster::cluster_store {
public:
  distant_cluster_store(std::unique_ptr<cluster::cluster_store> real, on_the_way before,
                        on_the_way after)
      : real_(std::move(real)), before_(std::move(before)), after_(std::move(after)) {}

  result<cluster::join_answer> join(const cluster::join_request& request) override {
    return call([&] { return real_->join(request); });
  }
  result<cluster::renew_answer> renew(const cluster::node_key& self) override {
    return call([&] { return real_->renew(self); });
  }
  result<cluster::cluster_view> end_leases(std::span<const cluster::seen_lease> leases) override {
    return call([&] { return real_->end_leases(leases); });
  }
  result<void> leave(const cluster::node_key& self) override {
    return call([&] { return real_->leave(self); });
  }
  result<bool> set_draining(std::string_view node, bool draining) override {
    return call([&] { return real_->set_draining(node, draining); });
  }
  result<bool> set_weight(std::string_view node, std::uint32_t weight) override {
    return call([&] { return real_->set_weight(node, weight); });
  }
  result<cluster::cluster_view> view() override {
    return call([&] { return real_->view(); });
  }
  result<time_point> clock() override {
    return call([&] { return real_->clock(); });
  }
  result<std::vector<cluster::shard_lease>> acquire(std::string_view role,
                                                    std::span<const cluster::shard_id> shards,
                                                    const cluster::node_key& self) override {
    return call([&] { return real_->acquire(role, shards, self); });
  }
  result<void> release(std::string_view role, std::span<const cluster::shard_release> shards,
                       const cluster::node_key& self) override {
    return call([&] { return real_->release(role, shards, self); });
  }
  result<std::vector<cluster::shard_lease>> shards(std::string_view role) override {
    return call([&] { return real_->shards(role); });
  }
  result<std::vector<cluster::owned_shard>> owned(std::string_view role,
                                                  const cluster::node_key& self) override {
    return call([&] { return real_->owned(role, self); });
  }

private:
  template <class F>
  auto call(F f) -> decltype(f()) {
    if (!before_())
      return failure{errc::unavailable};
    auto out = f();
    if (!after_())
      return failure{errc::unavailable};
    return out;
  }

  std::unique_ptr<cluster::cluster_store> real_;
  on_the_way before_;
  on_the_way after_;
};

/// Reads of the ticket database.
class distant_ticket_queries final : public ticket::ticket_queries {
public:
  distant_ticket_queries(std::unique_ptr<ticket::ticket_queries> real, on_the_way before)
      : real_(std::move(real)), before_(std::move(before)) {}

  result<ticket::event_snapshot> load_event(event_id id) override {
    return call([&] { return real_->load_event(id); });
  }
  result<std::vector<event_id>> event_ids() override {
    return call([&] { return real_->event_ids(); });
  }
  result<std::vector<event_id>> events_with_pending() override {
    return call([&] { return real_->events_with_pending(); });
  }
  result<std::vector<reservation_id>> live_of_cancelled(event_id event,
                                                        std::int32_t limit) override {
    return call([&] { return real_->live_of_cancelled(event, limit); });
  }
  result<std::optional<ticket::reservation_view>> find_reservation(reservation_id id) override {
    return call([&] { return real_->find_reservation(id); });
  }
  result<std::optional<ticket::reservation_view>> find_by_key(user_id user,
                                                              const std::string& key) override {
    return call([&] { return real_->find_by_key(user, key); });
  }
  result<std::vector<ticket::reservation_view>> reservations_of(user_id user,
                                                                std::int32_t limit) override {
    return call([&] { return real_->reservations_of(user, limit); });
  }
  result<std::vector<ticket::ticket_type_view>> ticket_types(event_id event) override {
    return call([&] { return real_->ticket_types(event); });
  }
  result<std::optional<ticket::ticket_type_view>> ticket_type(ticket_type_id id) override {
    return call([&] { return real_->ticket_type(id); });
  }
  result<std::vector<ticket::layout_view>> layouts() override {
    return call([&] { return real_->layouts(); });
  }

private:
  template <class F>
  auto call(F f) -> decltype(f()) {
    if (!before_())
      return failure{errc::unavailable};
    return f();
  }

  std::unique_ptr<ticket::ticket_queries> real_;
  on_the_way before_;
};

/// Reads of the queues' journal.
class distant_queue_queries final : public queue::queue_queries {
public:
  distant_queue_queries(std::unique_ptr<queue::queue_queries> real, on_the_way before)
      : real_(std::move(real)), before_(std::move(before)) {}

  result<queue::queue_page> load(const queue::load_page& query) override {
    if (!before_())
      return failure{errc::unavailable};
    return real_->load(query);
  }
  result<queue::busy_events> busy() override {
    if (!before_())
      return failure{errc::unavailable};
    return real_->busy();
  }

private:
  std::unique_ptr<queue::queue_queries> real_;
  on_the_way before_;
};

/// A writer's connection: `carry_out` says what became of each command.
template <class Command, class Outcome>
class distant_writes final : public commit_target<Command, Outcome> {
public:
  using carry_out = std::function<std::vector<Outcome>(std::vector<Command>&)>;

  explicit distant_writes(carry_out f) : carry_out_(std::move(f)) {}

  std::vector<Outcome> commit(std::vector<Command>& batch) override { return carry_out_(batch); }

private:
  carry_out carry_out_;
};

} // namespace tiketi::sim
