#pragma once

#include "actors/base/result.hpp"
#include "actors/cluster/codec.hpp"
#include "actors/cluster/gateway.hpp"
#include "actors/cluster/membership_actor.hpp"
#include "actors/cluster/sharding.hpp"
#include "actors/system/caf_error.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <caf/actor.hpp>
#include <caf/actor_cast.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/behavior.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_actor.hpp>

namespace tiketi::cluster {

struct sharing_metrics;

/// What a region of this node does for other nodes: by kind of message.
class services {
public:
  using answer_fn = std::function<void(command_reply)>;
  using serve_fn = std::function<void(caf::event_based_actor*, const routed_command&, answer_fn)>;

  /// `region` is asked a `Message` of another node, whose `Reply` goes back. What an earlier owner
  /// may have done already (`routed_command::repeated`) is told to messages that have a member
  /// `repeated`; the others are those that find what they did by a key of their own, or that may
  /// well happen twice.
  template <class Message, class Reply, class Region>
  void add(const Region& region) {
    const auto to =
        caf::actor_cast<caf::typed_actor<typename caf::replies_to<Message>::template with<Reply>>>(
            region);
    table_[kind_of<Message>()] = [to](caf::event_based_actor* self, const routed_command& routed,
                                      const answer_fn& answer) {
      auto message = decode<Message>(self->system(), routed.command.payload);
      if (!message) {
        answer({reply_code::failed, 0, encode_failure(errc::invalid_request)});
        return;
      }
      if constexpr (requires(Message & m) { m.repeated = true; })
        message->repeated = routed.repeated;
      self->request(to, caf::infinite, std::move(*message))
          .then(
              [self, answer](const Reply& reply) {
                answer({reply_code::done, 0, encode(self->system(), reply)});
              },
              [answer](const caf::error& why) {
                if (why == moved_away())
                  answer({reply_code::moving, 0, {}});
                else
                  answer({reply_code::failed, 0, encode_failure(to_failure(why))});
              });
    };
  }

  /// A notice, which is answered as soon as the region has it in its mailbox.
  template <class Message, class Region>
  void add_notice(const Region& region) {
    const auto to = caf::actor_cast<caf::typed_actor<caf::reacts_to<Message>>>(region);
    table_[kind_of<Message>()] = [to](caf::event_based_actor* self, const routed_command& routed,
                                      const answer_fn& answer) {
      if (auto message = decode<Message>(self->system(), routed.command.payload))
        caf::anon_send(to, std::move(*message));
      answer({reply_code::done, 0, {}});
    };
  }

  const serve_fn* find(std::uint32_t kind) const {
    const auto found = table_.find(kind);
    return found == table_.end() ? nullptr : &found->second;
  }

private:
  std::map<std::uint32_t, serve_fn> table_;
};

/// To a home: all regions run; commands may come. Until then this node answers `moving`.
struct attach_regions {
  std::vector<shard_host> hosts;
  services offered;
};

struct shard_overdue {
  shard_id shard = 0;
  std::uint64_t epoch = 0;
};

struct home_data {
  home_data() = default;

  struct closing {
    std::uint64_t epoch = 0;
    std::size_t open = 0; ///< regions that have not answered
    caf::actor membership;
  };

  std::vector<shard_host> hosts;
  services offered;
  bool attached = false;
  std::map<shard_id, closing> draining;
  std::shared_ptr<sharing_metrics> metrics;
};

/// Where what concerns this node's shards comes in: commands of other nodes, which it hands to the
/// region that they are for, and what happens to the shards, which it tells all regions. A shard is
/// drained when all of them have let it go; who takes longer than `drain_max` ends what he has.
caf::behavior home(caf::stateful_actor<home_data>* self, caf::actor membership,
                   milliseconds drain_max, std::shared_ptr<sharing_metrics> metrics);

} // namespace tiketi::cluster

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::attach_regions)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::shard_overdue)
