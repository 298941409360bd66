#pragma once

#include "net/redis/backoff.hpp"
#include "net/redis/client.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

struct redisAsyncContext;
struct redisReply;

namespace tiketi::net {

/// One connection to Redis, made again after every loss. Everything here runs on the thread of the
/// `io_context`. hiredis wants three things that this class is about: its context may go away in
/// any call into it, a reply lives only as long as its callback, and a connection must not be
/// closed inside one.
class redis_connection : public std::enable_shared_from_this<redis_connection> {
public:
  using clock = std::chrono::steady_clock;
  /// Null: the connection ended without an answer. The reply is gone when it returns.
  using answer_fn = std::function<void(const redisReply*)>;
  /// `ready` or, with why, not any more.
  using change_fn = std::function<void(bool ready, const std::string& why)>;

  /// Which servers are fit for it. Any: of a name that has several addresses, one by chance.
  enum class wants : std::uint8_t { master, any };

  redis_connection(boost::asio::io_context& io, environment& env, const redis_options& options,
                   wants role, change_fn changed);
  ~redis_connection();
  redis_connection(const redis_connection&) = delete;
  redis_connection& operator=(const redis_connection&) = delete;

  void start();
  /// Ends it for good; every call hears null before it returns. Not from an answer.
  void stop();
  bool ready() const noexcept { return phase_ == phase::ready; }
  /// Nothing is under way on it.
  bool idle() const noexcept { return phase_ != phase::ready || unanswered_ == 0; }

  /// Sends it when the thread is done with what it is doing, so calls that come together travel
  /// together. False: not ready, and `answer` is not called.
  bool send(const std::vector<std::string>& words, answer_fn answer);

  /// Gives the connection up, once the thread is done with what it is doing.
  void give_up(std::string why);

  /// Every `tick_interval`: sees to timeouts and silence.
  static constexpr milliseconds tick_interval{100};
  void tick(clock::time_point now);

private:
  enum class phase : std::uint8_t { waiting, resolving, greeting, ready, stopped };
  struct hooks; ///< what hiredis calls

  void connect();
  void resolved(const boost::asio::ip::tcp::endpoint& where);
  void greet();
  bool put(const std::vector<std::string>& words, answer_fn answer);
  void drop(const std::string& why);
  void gone();
  void wait_again(const std::string& why);
  void want_read();
  void want_write();

  boost::asio::io_context& io_;
  environment& env_;
  const redis_options options_;
  const wants role_;
  change_fn changed_;
  backoff backoff_;
  boost::asio::ip::tcp::resolver resolver_;
  boost::asio::steady_timer retry_;
  phase phase_ = phase::waiting;
  std::uint64_t attempt_ = 0; ///< handlers of an earlier one do nothing
  clock::time_point deadline_;
  clock::time_point ready_since_;

  redisAsyncContext* context_ = nullptr;
  std::optional<boost::asio::posix::stream_descriptor> descriptor_;
  bool reads_ = false; ///< hiredis wants to
  bool writes_ = false;
  bool waits_read_ = false; ///< a handler is out
  bool waits_write_ = false;
  std::size_t greetings_ = 0;
  std::size_t unanswered_ = 0;
  clock::time_point heard_at_;
  clock::time_point last_tick_;
  int silent_ticks_ = 0;
  std::string why_;
};

} // namespace tiketi::net
