#pragma once

#include "actors/base/environment.hpp"
#include "actors/bus/messages.hpp"
#include "storage/outbox.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>

namespace prometheus {
class Registry;
}

namespace tiketi {

/// Who gets the events of a topic, or of all (`*`); each subscription reads the outbox. `consumer`
/// names the cursor, so it must not change once used, and one relay has each name once.
struct subscription {
  std::string topic;
  std::string consumer;
  consumer_actor actor;
  /// Types of events it wants; empty: all of the topic. The others are passed over, which for it is
  /// the same as applying them without effect.
  std::vector<std::string> types{};
  /// It keeps the order of a key by itself, whenever it is given one event before another: it may
  /// have several events of a key in its hands at once.
  bool orders_itself = false;
};

struct relay_options {
  std::size_t page = 256;          ///< events per read, 1 ... 10000
  std::size_t held_max = 1024;     ///< events held per consumer
  std::size_t in_flight_max = 64;  ///< keys delivered at once per consumer
  milliseconds linger{0};          ///< news of the outbox waits this long for more of it
  milliseconds tick{200};          ///< how often retries, deadlines and cursors are looked at
  milliseconds poll{1000};         ///< longest time an event waits for a lost `outbox_grew`
  milliseconds save_every{1000};   ///< cursors are stored this often; older ones only cause repeats
  milliseconds patience{10'000};   ///< a delivery without an answer counts as failed
  milliseconds back_off_min{200};  ///< first wait after a failure, doubled each time
  milliseconds back_off_max{5000}; ///< longest wait
  std::uint32_t poison_after = 8;  ///< attempts before a permanent failure is set aside
  std::chrono::hours keep{24};     ///< applied events are kept at least this long
  std::chrono::minutes purge_every{10};
  /// Of several nodes with the same outbox one feeds it on at a time: off duty a relay reads and
  /// delivers nothing, on duty it begins behind the cursors that the one before it stored. Empty:
  /// always on duty. Two that are on duty for a moment only cause repeats.
  std::function<bool()> on_duty{};
  std::string role{};                       ///< whose outbox it is, for the metrics
  prometheus::Registry* registry = nullptr; ///< outlives the relay; null: no metrics
};

// What a relay says to the actor that owns its outbox. Never leaves the process.

struct read_outbox {
  std::int64_t after = 0;
  std::size_t limit = 0;
};
struct outbox_page {
  std::vector<domain_event> events;
};
struct load_cursors {};
struct cursor_table {
  std::map<std::string, std::int64_t> cursors;
};
struct save_cursors {
  std::map<std::string, std::int64_t> cursors;
};
struct cursors_saved {};
struct set_event_aside {
  std::string consumer;
  domain_event event;
  std::string reason;
};
struct event_set_aside {};
struct purge_outbox {
  time_point before;
};
struct relay_tick {};
struct relay_lingered {};

} // namespace tiketi

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::read_outbox)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::outbox_page)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::load_cursors)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cursor_table)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::save_cursors)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cursors_saved)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::set_event_aside)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::event_set_aside)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::purge_outbox)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::relay_tick)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::relay_lingered)

namespace tiketi {

/// Owns an outbox store; blocks.
using outbox_actor = caf::typed_actor<caf::replies_to<read_outbox>::with<outbox_page>,
                                      caf::replies_to<load_cursors>::with<cursor_table>,
                                      caf::replies_to<save_cursors>::with<cursors_saved>,
                                      caf::replies_to<set_event_aside>::with<event_set_aside>,
                                      caf::reacts_to<purge_outbox>>;

/// Starts the owner of an outbox store. `detached` is for real databases; a simulation keeps it on
/// its scheduler. It ends with the relay that uses it.
outbox_actor spawn_outbox(caf::actor_system& sys, environment& env,
                          std::unique_ptr<outbox_store> store, bool detached = true);

/// Starts the relay of one role. `env` outlives it. An exit message ends it after the cursors are
/// stored.
relay_actor spawn_relay(caf::actor_system& sys, environment& env, outbox_actor outbox,
                        std::vector<subscription> subscriptions, relay_options options = {});

} // namespace tiketi
