#pragma once

#include "actors/cluster/codec.hpp"
#include "actors/cluster/courier.hpp"
#include "actors/cluster/duty.hpp"
#include "actors/cluster/query.hpp"
#include "actors/cluster/replica.hpp"
#include "actors/cluster/shard_map.hpp"
#include "actors/region/region.hpp"
#include "actors/system/caf_error.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <caf/actor.hpp>
#include <caf/actor_cast.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/exit_reason.hpp>
#include <caf/make_message.hpp>
#include <caf/send.hpp>
#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>
#include <caf/typed_response_promise.hpp>

// How a region shares its entities out over nodes.

namespace tiketi::cluster {

/// To a region: from now on this node serves the shard. Start what has to run by itself.
struct open_shard {
  shard_id shard = 0;
};

/// To a region: let the shard go. Answered by `shard_closed` when none of its entities is left and
/// all that they wrote is committed or never will be. `drain`: what has begun is finished first.
struct close_shard {
  shard_id shard = 0;
  bool drain = true;
};

struct shard_closed {
  shard_id shard = 0;
};

/// A region as the node's `home` sees it.
using shard_host =
    caf::typed_actor<caf::reacts_to<open_shard>, caf::replies_to<close_shard>::with<shard_closed>>;

/// What a region needs to be one of several. Default: this node is alone.
struct shard_access {
  std::shared_ptr<const node_state> state;
  caf::actor courier;
  replica_rules replicas = {}; ///< of reads of what other nodes own
  caf::actor home = {};        ///< whose requests are those of other nodes

  bool alone() const noexcept { return state == nullptr; }
};

/// The number of a message between nodes: its type id, which is append only. Types without an id do
/// not compile.
template <class Message>
constexpr std::uint32_t kind_of() noexcept {
  return caf::type_id<Message>::value | (is_query<Message>::value ? query_bit : 0U);
}

/// A region's answer to the home when a shard is not here any more: nothing was done.
inline caf::error moved_away() {
  return caf::make_error(caf::sec::cannot_forward_to_invalid_actor);
}

/// The order to have `message` handled where its key lives.
template <class Reply, class Message>
outgoing order_for(caf::actor_system& sys, std::uint64_t key, const Message& message) {
  outgoing out;
  out.key = key;
  out.kind = kind_of<Message>();
  out.payload = encode(sys, message);
  out.open = [](caf::actor_system& system,
                const std::string& bytes) -> std::optional<caf::message> {
    auto reply = decode<Reply>(system, bytes);
    if (!reply)
      return std::nullopt;
    return caf::make_message(std::move(*reply));
  };
  return out;
}

/// Calls what it is given when everything that any entity wrote so far is committed.
using write_barrier = std::function<void(std::function<void()>)>;

/// `nothing` is a write without effect: its answer comes behind all that `writer` was given before.
template <class Written, class Self, class Writer, class Write>
write_barrier behind_writes(Self self, Writer writer, Write nothing) {
  return [self, writer, nothing](const std::function<void()>& then) {
    self->request(writer, caf::infinite, nothing)
        .then([then](const Written&) { then(); }, [then](const caf::error&) { then(); });
  };
}

/// For a region that may answer nothing of a shard before it has read from the store who is there:
/// which shards it knows, and what waits until it does. A node that is alone knows all after its
/// first reading. Used inside a region actor's state; not thread-safe.
class shard_knowledge {
public:
  using use_fn = std::function<void()>;

  explicit shard_knowledge(std::size_t waiting_max) : waiting_max_(waiting_max) {}

  /// True: the first one since the last reading began, so one has to begin.
  bool opened(shard_id shard) {
    known_.erase(shard); // whatever was read before somebody else had it
    const bool first = to_read_.empty();
    to_read_.insert(shard);
    return first;
  }

  /// A reading begins: of these.
  std::set<shard_id> begin() { return std::exchange(to_read_, {}); }

  /// `all`: of everything there is.
  void finished(const std::set<shard_id>& read, bool all) {
    all_ = all;
    known_.insert(read.begin(), read.end());
    wake();
  }

  void failed(const std::set<shard_id>& read) { to_read_.insert(read.begin(), read.end()); }

  /// What waits for this shard goes after it; the rest waits on.
  void closed(shard_id shard) {
    known_.erase(shard);
    to_read_.erase(shard);
    wake();
  }

  /// Nothing: everything there is.
  bool knows(std::optional<shard_id> shard) const {
    return all_ || (shard && known_.contains(*shard));
  }

  /// Called at the next change, to look again. False: too much waits, and `use` was dropped.
  bool wait(use_fn use) {
    if (waiting_.size() >= waiting_max_)
      return false;
    waiting_.push_back(std::move(use));
    return true;
  }

private:
  void wake() {
    for (auto& use : std::exchange(waiting_, {}))
      use();
  }

  std::size_t waiting_max_;
  bool all_ = false;
  std::set<shard_id> to_read_;
  std::set<shard_id> known_;
  std::vector<use_fn> waiting_;
};

/// The entities of one region that is one of several: who is here, what they have under way, and
/// how a shard is let go. Used inside a region actor's state; not thread-safe.
template <class Self, class Key, class Handle>
class shard_keeper {
public:
  using table = entity_table<Key, Handle>;
  using key_fn = std::function<std::uint64_t(const Key&)>;
  using closed_promise = caf::typed_response_promise<shard_closed>;

  shard_keeper(Self self, shard_access access, table& entities, key_fn key, write_barrier barrier)
      : self_(self),
        access_(std::move(access)),
        table_(entities),
        key_(std::move(key)),
        barrier_(std::move(barrier)) {}

  bool alone() const noexcept { return access_.alone(); }

  /// May this node act for the key now?
  bool here(std::uint64_t key) const { return access_.alone() || serves_key(*access_.state, key); }

  /// The shard of a key; only of use where there are several nodes.
  std::optional<shard_id> shard(std::uint64_t key) const {
    if (access_.alone())
      return std::nullopt;
    const auto routes = access_.state->routes();
    const auto* role = routes->find(sale_role);
    if (role == nullptr || role->map.shards() == 0)
      return std::nullopt;
    return shard_of(key, role->map.shards());
  }

  /// Lets the owner of `key` answer. What another node sent here goes back to it, and from there to
  /// the owner, under its own id and until its own deadline: by now it may be done already.
  template <class Reply, class Message>
  void forward(std::uint64_t key, const Message& message,
               caf::typed_response_promise<Reply>& promise) {
    const auto& asker = static_cast<caf::response_promise&>(promise).source();
    if (access_.home && asker == caf::actor_cast<caf::strong_actor_ptr>(access_.home)) {
      promise.deliver(moved_away());
      return;
    }
    promise.delegate(caf::actor_cast<courier_of<Reply>>(access_.courier),
                     order_for<Reply>(self_->system(), key, message));
  }

  /// A notice for the owner of `key`: nobody waits for it.
  template <class Message>
  void notify(std::uint64_t key, const Message& message) {
    outgoing out;
    out.key = key;
    out.kind = kind_of<Message>();
    out.payload = encode(self_->system(), message);
    out.open = [](caf::actor_system&, const std::string&) -> std::optional<caf::message> {
      return caf::message{};
    };
    caf::anon_send(access_.courier, std::move(out));
  }

  /// Lets an entity answer. A node that is one of several counts what is under way.
  template <class Reply, class Message>
  void call(const Key& key, const Handle& entity, Message message,
            caf::typed_response_promise<Reply> promise) {
    if (access_.alone()) {
      promise.delegate(entity, std::move(message));
      return;
    }
    const auto number = ++last_;
    calls_[key].emplace(number, [promise](const caf::error& why) mutable { promise.deliver(why); });
    self_->request(entity, caf::infinite, std::move(message))
        .then(
            [this, key, number, promise](Reply& reply) mutable {
              promise.deliver(std::move(reply));
              done(key, number);
            },
            [this, key, number, promise](const caf::error& why) mutable {
              if (done(key, number))
                promise.deliver(why);
            });
  }

  /// An entity has ended; in place of the table's own `ended`. Whoever it has not answered is told
  /// so. What waited for its end goes to the next one, and is under way again.
  void ended(const Key& key) {
    auto open = calls_.extract(key);
    table_.ended(key);
    if (access_.alone())
      return;
    if (!open.empty())
      for (auto& [number, fail] : open.mapped())
        fail(to_caf(errc::in_doubt));
    if (const auto its = shard(key_(key)); its && closing_.contains(*its))
      go_on(*its);
  }

  closed_promise close(const close_shard& order) {
    auto promise = self_->template make_response_promise<shard_closed>();
    auto& c = closing_[order.shard];
    c.waiting.push_back(promise);
    c.now = c.now || !order.drain;
    go_on(order.shard);
    return promise;
  }

private:
  struct closing {
    std::vector<closed_promise> waiting;
    bool now = false; ///< nothing is waited for
    bool behind_writes = false;
  };

  bool done(const Key& key, std::uint64_t number) {
    const auto found = calls_.find(key);
    if (found == calls_.end() || found->second.erase(number) == 0)
      return false;
    if (found->second.empty()) {
      calls_.erase(found);
      if (!closing_.empty())
        if (const auto its = shard(key_(key)); its && closing_.contains(*its))
          go_on(*its);
    }
    return true;
  }

  void go_on(shard_id closing_shard) {
    auto& c = closing_[closing_shard];
    if (c.behind_writes)
      return;
    bool left = false;
    std::vector<Handle> end;
    table_.for_each([&](const Key& key, const Handle& entity) {
      if (shard(key_(key)) != closing_shard)
        return;
      left = true;
      if (c.now || !calls_.contains(key))
        end.push_back(entity);
    });
    for (const auto& entity : end)
      caf::anon_send_exit(entity, c.now ? caf::exit_reason::kill : caf::exit_reason::user_shutdown);
    if (left)
      return;
    c.behind_writes = true;
    barrier_([this, closing_shard] {
      auto closed = closing_.extract(closing_shard);
      if (!closed.empty())
        for (auto& promise : closed.mapped().waiting)
          promise.deliver(shard_closed{closing_shard});
    });
  }

  Self self_;
  shard_access access_;
  table& table_;
  key_fn key_;
  write_barrier barrier_;
  std::unordered_map<Key, std::map<std::uint64_t, std::function<void(const caf::error&)>>> calls_;
  std::map<shard_id, closing> closing_;
  std::uint64_t last_ = 0;
};

} // namespace tiketi::cluster

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::open_shard)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::close_shard)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::shard_closed)
