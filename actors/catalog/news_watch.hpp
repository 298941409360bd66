#pragma once

#include "actors/base/environment.hpp"
#include "storage/news_store.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>

namespace tiketi::catalog {

/// Answered once every node has taken in what is committed when this arrives, or when one of them
/// has not for `watch_options::patience`.
struct await_known {};

struct known {
  bool to_all = false;
};

struct watch_tick {
  std::uint64_t turn = 0;
};

} // namespace tiketi::catalog

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::await_known)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::known)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::watch_tick)

namespace tiketi::catalog {

using news_watch =
    caf::typed_actor<caf::replies_to<await_known>::with<known>, caf::reacts_to<watch_tick>>;

struct watch_options {
  std::string node;              ///< this one's name in the cluster, 1 to 64 bytes
  milliseconds poll{50};         ///< how often it asks; so long another node may be behind
  milliseconds hurry{10};        ///< how often while somebody awaits
  milliseconds heartbeat{1'000}; ///< it says that it is there this often at least
  milliseconds alive{3'000};     ///< who said so longer ago is waited for no more
  milliseconds patience{2'000};
  std::size_t awaiting_max = 1'000; ///< over it: answered at once, as if somebody were late
};

/// A database whose changes this node has to hear of.
struct news_source {
  std::unique_ptr<news_store> store;
  /// What this node's memory reflects already; read before anything else is read from the database.
  std::int64_t since = 0;
  /// Hands the news to whoever keeps something in memory. When it returns, nobody who asks them
  /// from then on may be answered from before; so sending them a message is enough.
  std::function<void(const news&)> tell;
};

/// Hears of what other nodes change, and knows when all have heard of it. It blocks on the stores,
/// so it gets a thread of its own unless `detached` is false. While a database is away nothing is
/// heard, and nobody is waited for longer than `patience`. `env` outlives it.
news_watch start_news_watch(caf::actor_system& sys, environment& env, watch_options options,
                            std::vector<news_source> sources, bool detached = true);

} // namespace tiketi::catalog
