#pragma once

#include "actors/cluster/agent.hpp"

#include <algorithm>
#include <cstdint>
#include <string>

namespace tiketi::cluster {

/// Writes down everything that can influence what an agent does next, in relation to the moment and
/// to what the database holds, so that two moments of a search that only differ in their history
/// count as one.
struct state_probe {
  std::string out;

  void put(std::int64_t number) {
    out.append(reinterpret_cast<const char*>(&number), sizeof number);
  }

  /// A moment that has passed is like any other that has.
  void put_future(mono at, mono now) { put(std::max<std::int64_t>(0, (at - now).count())); }

  void put(const cluster_view& view, const cluster_view& stored) {
    put(static_cast<std::int64_t>(stored.epoch - view.epoch));
    for (const auto& one : view.members) {
      const auto* now = stored.find(one.key.node);
      out += one.key.node;
      put(now == nullptr ? -1
                         : static_cast<std::int64_t>(now->key.incarnation - one.key.incarnation));
      put(now == nullptr ? -1 : static_cast<std::int64_t>(now->renewals - one.renewals));
      put(one.draining ? 1 : 0);
    }
    out += ';';
  }

  void put(const membership& m, mono now, const cluster_view& stored) {
    put(static_cast<int>(m.standing_));
    put(static_cast<std::int64_t>(m.incarnation_));
    put(m.under_way_ ? 1 : 0);
    put(m.leaving_ ? 1 : 0);
    put_future(m.next_, now);
    put_future(m.until_, now);
    put_future(m.no_end_before_, now);
    put(m.view_, stored);
    for (const auto& [node, lease] : m.others_) {
      const auto* row = stored.find(node);
      out += node;
      put(static_cast<std::int64_t>(lease.incarnation));
      put(row == nullptr ? -1 : static_cast<std::int64_t>(row->renewals - lease.renewals));
      put_future(lease.since + lease.lease, now);
    }
    out += ';';
  }

  void put(const ownership& o, mono now, const cluster_view& stored) {
    put(static_cast<std::int64_t>(stored.epoch - o.map_.epoch()));
    for (const auto& e : o.entries_) {
      put(static_cast<int>(e.state));
      put(e.under_way ? 1 : 0);
      put(e.wanted ? 1 : 0);
      put(static_cast<std::int64_t>(e.lease));
      put(e.since == 0 ? -1 : static_cast<std::int64_t>(stored.epoch - e.since));
      put_future(e.retry, now);
    }
    out += ';';
  }

  void put(const agent& a, mono now, const cluster_view& stored) {
    put(a.membership_, now, stored);
    for (const auto& part : a.roles_) {
      put(part.shards, now, stored);
      put(part.reconcile ? 1 : 0);
      put_future(part.reconcile_at, now);
    }
  }
};

} // namespace tiketi::cluster
