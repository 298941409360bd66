#include "storage/memory/cluster_store.hpp"

#include <utility>

namespace tiketi::memory {

using namespace cluster;

bool cluster_tables::is_member(const node_key& key) const {
  const auto found = nodes_.find(key.node);
  return found != nodes_.end() && found->second.is_member && found->second.values.key == key;
}

join_answer cluster_tables::join(const join_request& request, time_point now) {
  join_answer out;
  out.cluster = "memory";
  out.database_now = now;
  auto& row = nodes_[request.node];
  const bool repeated = row.is_member && row.boot == request.boot;
  if (row.is_member && !repeated) {
    out.what = join_answer::outcome::name_taken;
    out.text = "a process with the name " + request.node + " is a member";
  }
  for (const auto& [node, other] : nodes_)
    if (other.is_member && node != request.node && out.what == join_answer::outcome::joined)
      if (auto why = incompatible(request.runs, node, other.values.runs)) {
        out.what = join_answer::outcome::incompatible;
        out.text = std::move(*why);
      }
  if (out.what == join_answer::outcome::joined) {
    if (!repeated) {
      ++epoch_;
      const auto incarnation = row.values.key.incarnation + 1;
      row.values = {{request.node, incarnation},
                    request.address,
                    request.roles,
                    request.weight,
                    request.runs,
                    request.lease,
                    false,
                    0,
                    now};
      row.boot = request.boot;
      row.is_member = true;
    } else {
      ++row.values.renewals;
      row.values.renewed_at = now;
    }
    out.incarnation = row.values.key.incarnation;
  }
  out.view = view();
  return out;
}

renew_answer cluster_tables::renew(const node_key& self, time_point now) {
  const bool alive = is_member(self);
  if (alive) {
    auto& row = nodes_.find(self.node)->second;
    ++row.values.renewals;
    row.values.renewed_at = now;
  }
  return {alive, view(), now};
}

cluster_view cluster_tables::end_leases(std::span<const seen_lease> leases) {
  bool changed = false;
  for (const auto& lease : leases) {
    if (!is_member(lease.key))
      continue;
    auto& row = nodes_.find(lease.key.node)->second;
    if (row.values.renewals == lease.renewals) {
      row.is_member = false;
      changed = true;
    }
  }
  if (changed)
    ++epoch_;
  return view();
}

void cluster_tables::leave(const node_key& self) {
  if (!is_member(self))
    return;
  nodes_.find(self.node)->second.is_member = false;
  ++epoch_;
}

bool cluster_tables::set_draining(std::string_view node, bool draining) {
  const auto found = nodes_.find(node);
  if (found == nodes_.end() || !found->second.is_member)
    return false;
  if (found->second.values.draining != draining) {
    found->second.values.draining = draining;
    ++epoch_;
  }
  return true;
}

bool cluster_tables::set_weight(std::string_view node, std::uint32_t weight) {
  const auto found = nodes_.find(node);
  if (found == nodes_.end() || !found->second.is_member)
    return false;
  if (found->second.values.weight != weight) {
    found->second.values.weight = weight;
    ++epoch_;
  }
  return true;
}

cluster_view cluster_tables::view() const {
  cluster_view out;
  out.epoch = epoch_;
  for (const auto& [node, row] : nodes_)
    if (row.is_member)
      out.members.push_back(row.values);
  return out;
}

std::vector<shard_lease> cluster_tables::acquire(std::string_view role,
                                                 std::span<const shard_id> shards,
                                                 const node_key& self) {
  std::vector<shard_lease> out;
  for (const auto shard : shards) {
    auto& lease = shards_[{std::string{role}, shard}];
    lease.shard = shard;
    if (lease.owner != self && is_member(self) && !is_member(lease.owner)) {
      lease.owner = self;
      ++lease.epoch;
    }
    out.push_back(lease);
  }
  return out;
}

void cluster_tables::release(std::string_view role, std::span<const shard_release> shards,
                             const node_key& self) {
  for (const auto& one : shards) {
    const auto found = shards_.find({std::string{role}, one.shard});
    if (found == shards_.end() || found->second.owner != self || found->second.epoch != one.epoch)
      continue;
    auto& lease = found->second;
    if (is_member(one.to)) {
      lease.owner = one.to;
      ++lease.epoch;
    } else {
      lease.owner = {};
    }
  }
}

std::vector<shard_lease> cluster_tables::shards(std::string_view role) const {
  std::vector<shard_lease> out;
  for (const auto& [key, lease] : shards_)
    if (key.first == role && lease.epoch != 0)
      out.push_back(lease);
  return out;
}

std::vector<owned_shard> cluster_tables::owned(std::string_view role, const node_key& self) const {
  std::vector<owned_shard> out;
  for (const auto& [key, lease] : shards_)
    if (key.first == role && lease.owner == self)
      out.push_back({lease.shard, lease.epoch});
  return out;
}

cluster_database::cluster_database(std::function<time_point()> now) : now_(std::move(now)) {}

void cluster_database::cut_off(const std::string& node, bool on) {
  const std::lock_guard lock{mutex_};
  if (on)
    cut_.insert(node);
  else
    cut_.erase(node);
}

void cluster_database::set_fate(std::function<fate(const std::string&)> f) {
  const std::lock_guard lock{mutex_};
  fate_ = std::move(f);
}

namespace {

class memory_cluster_store final : public cluster_store {
public:
  memory_cluster_store(std::shared_ptr<cluster_database> database, std::string node)
      : db_(std::move(database)), node_(std::move(node)) {}

  result<join_answer> join(const join_request& request) override {
    if (auto why = problem_of(request))
      return failure{errc::invalid_request, std::move(*why)};
    return db_->run<join_answer>(
        node_, [&](cluster_tables& t, time_point now) { return t.join(request, now); });
  }
  result<renew_answer> renew(const node_key& self) override {
    return db_->run<renew_answer>(
        node_, [&](cluster_tables& t, time_point now) { return t.renew(self, now); });
  }
  result<cluster_view> end_leases(std::span<const seen_lease> leases) override {
    return db_->run<cluster_view>(
        node_, [&](cluster_tables& t, time_point) { return t.end_leases(leases); });
  }
  result<void> leave(const node_key& self) override {
    return db_->run<void>(node_, [&](cluster_tables& t, time_point) { t.leave(self); });
  }
  result<bool> set_draining(std::string_view node, bool draining) override {
    return db_->run<bool>(
        node_, [&](cluster_tables& t, time_point) { return t.set_draining(node, draining); });
  }
  result<bool> set_weight(std::string_view node, std::uint32_t weight) override {
    return db_->run<bool>(
        node_, [&](cluster_tables& t, time_point) { return t.set_weight(node, weight); });
  }
  result<cluster_view> view() override {
    return db_->run<cluster_view>(node_, [](cluster_tables& t, time_point) { return t.view(); });
  }
  result<time_point> clock() override {
    return db_->run<time_point>(node_, [](cluster_tables&, time_point now) { return now; });
  }
  result<std::vector<shard_lease>> acquire(std::string_view role, std::span<const shard_id> shards,
                                           const node_key& self) override {
    return db_->run<std::vector<shard_lease>>(
        node_, [&](cluster_tables& t, time_point) { return t.acquire(role, shards, self); });
  }
  result<void> release(std::string_view role, std::span<const shard_release> shards,
                       const node_key& self) override {
    return db_->run<void>(node_,
                          [&](cluster_tables& t, time_point) { t.release(role, shards, self); });
  }
  result<std::vector<shard_lease>> shards(std::string_view role) override {
    return db_->run<std::vector<shard_lease>>(
        node_, [&](cluster_tables& t, time_point) { return t.shards(role); });
  }
  result<std::vector<owned_shard>> owned(std::string_view role, const node_key& self) override {
    return db_->run<std::vector<owned_shard>>(
        node_, [&](cluster_tables& t, time_point) { return t.owned(role, self); });
  }

private:
  std::shared_ptr<cluster_database> db_;
  std::string node_;
};

} // namespace

std::unique_ptr<cluster_store> make_cluster_store(std::shared_ptr<cluster_database> database,
                                                  std::string node) {
  return std::make_unique<memory_cluster_store>(std::move(database), std::move(node));
}

} // namespace tiketi::memory
