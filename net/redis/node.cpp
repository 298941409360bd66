#include "net/redis/node.hpp"

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

namespace tiketi::net {

redis_node::redis_node(boost::asio::io_context& io, environment& env, const redis_options& options,
                       redis_connection::wants role, change_fn changed)
    : address_{options.host, options.port}, changed_(std::move(changed)) {
  const auto count = std::max<std::size_t>(options.connections, 1);
  for (std::size_t i = 0; i < count; ++i)
    connections_.push_back(std::make_shared<redis_connection>(
        io, env, options, role,
        [this, i](bool ready, const std::string& why) { connection_changed(i, ready, why); }));
  was_ready_.resize(count);
  tried_.resize(count);
  left_to_try_ = count;
}

redis_node::~redis_node() {
  stop();
}

void redis_node::start() {
  for (const auto& c : connections_)
    c->start();
}

void redis_node::stop() {
  for (const auto& c : connections_)
    c->stop();
  ready_ = 0;
  left_to_try_ = 0;
  decided();
}

void redis_node::tick(redis_connection::clock::time_point now) {
  for (const auto& c : connections_)
    c->tick(now);
}

bool redis_node::idle() const noexcept {
  return std::all_of(connections_.begin(), connections_.end(),
                     [](const auto& c) { return c->idle(); });
}

void redis_node::when_decided(std::function<void()> then) {
  waiting_.push_back(std::move(then));
}

redis_connection* redis_node::pick(std::uint64_t route) const {
  const auto n = connections_.size();
  for (std::size_t i = 0; i < n; ++i)
    if (auto& c = *connections_[(route + i) % n]; c.ready())
      return &c;
  return nullptr;
}

void redis_node::decided() {
  for (const auto& then : std::exchange(waiting_, {}))
    then();
}

void redis_node::connection_changed(std::size_t index, bool ready, const std::string& why) {
  const bool before = was_ready_[index];
  was_ready_[index] = ready;
  if (ready)
    ++ready_;
  else if (before)
    --ready_;
  if (!tried_[index]) {
    tried_[index] = true;
    --left_to_try_;
  }
  if (ready) {
    spdlog::info("redis: connection {} of {} to {} is ready", index + 1, connections_.size(),
                 to_string(address_));
    troubled_ = false;
  } else {
    // One line for a loss, not one for each attempt to come back.
    if (before || !std::exchange(troubled_, true))
      spdlog::warn("redis: {}: {}; {} of {} connections left, trying again", to_string(address_),
                   why, ready_, connections_.size());
    if (ready_ == 0)
      troubled_ = true;
  }
  // First the counts of all, so that a call that is started in an answer meets the new state.
  changed_({ready, before, why});
  if (!undecided())
    decided();
}

} // namespace tiketi::net
