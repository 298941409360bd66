#pragma once

#include "net/redis/client.hpp"
#include "net/redis/connection.hpp"
#include "net/redis/slots.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tiketi::net {

/// One server and the connections to it. Everything here runs on the thread of the `io_context`.
class redis_node {
public:
  struct change {
    bool ready = false;
    bool lost = false; ///< it was ready until now
    std::string why;   ///< when it is not
  };
  using change_fn = std::function<void(const change&)>;

  /// `options.host` and `port` are its address. `changed` hears of each connection that is ready,
  /// lost, or could not be made; it must not end this node.
  redis_node(boost::asio::io_context& io, environment& env, const redis_options& options,
             redis_connection::wants role, change_fn changed);
  ~redis_node();
  redis_node(const redis_node&) = delete;
  redis_node& operator=(const redis_node&) = delete;

  void start();
  /// Every call under way hears null before it returns, and whoever waits for a decision that there
  /// is none. Not from an answer.
  void stop();
  void tick(redis_connection::clock::time_point now);

  const redis_address& address() const noexcept { return address_; }
  std::size_t connections() const noexcept { return connections_.size(); }
  std::size_t ready() const noexcept { return ready_; }
  bool idle() const noexcept;

  /// True until a connection is ready, or each of them has failed once.
  bool undecided() const noexcept { return ready_ == 0 && left_to_try_ > 0; }
  /// Called once, when it is not undecided any more; only while it is.
  void when_decided(std::function<void()> then);

  /// One that is ready, the same for the same number as long as it lasts; null: none is.
  redis_connection* pick(std::uint64_t route) const;

private:
  void connection_changed(std::size_t index, bool ready, const std::string& why);
  void decided();

  const redis_address address_;
  change_fn changed_;
  std::vector<std::shared_ptr<redis_connection>> connections_;
  std::vector<bool> was_ready_;
  std::vector<bool> tried_;
  std::size_t ready_ = 0;
  std::size_t left_to_try_ = 0;
  bool troubled_ = false; ///< and the log says so
  std::vector<std::function<void()>> waiting_;
};

} // namespace tiketi::net
