#pragma once

#include "actors/cluster/sharding.hpp"
#include "actors/payment/handle.hpp"

namespace tiketi::cluster {
class services;
}

namespace tiketi::payment {

/// The region as its node's `home` sees it.
using payment_shards =
    region_actor::extend<caf::reacts_to<cluster::open_shard>,
                         caf::replies_to<cluster::close_shard>::with<cluster::shard_closed>>;

/// Lets other nodes ask `region` what its own node may ask.
void offer(cluster::services& to, const region_actor& region);

} // namespace tiketi::payment

template <>
struct tiketi::cluster::is_query<tiketi::payment::get_standing> : std::true_type {};
