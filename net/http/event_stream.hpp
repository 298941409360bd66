#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tiketi::net {

/// Bytes that many listeners get: serialised once, never changed.
using shared_text = std::shared_ptr<const std::string>;

/// What may wait for one listener; more, and it is too slow.
struct stream_bounds {
  std::size_t chunks_max = 256;
  std::size_t bytes_max = 256 * 1024;
};

enum class push_result : std::uint8_t {
  taken,
  gone,     ///< the client has left, or the stream was ended
  too_slow, ///< over the bound: this listener has just been given up
};

struct stream_state;

/// The end of a stream that bytes go into. Any thread.
class stream_sink {
public:
  explicit stream_sink(std::shared_ptr<stream_state> state) : state_(std::move(state)) {}
  ~stream_sink(); ///< ends the stream

  stream_sink(const stream_sink&) = delete;
  stream_sink& operator=(const stream_sink&) = delete;

  push_result push(shared_text chunk);

  /// Takes the place of everything that waits, whatever its size: for a snapshot, which makes all
  /// earlier changes worthless. `chunks` together are whole events, and so is each chunk of `push`.
  push_result restart(std::vector<shared_text> chunks);

  /// What waits is still sent, then the connection is closed.
  void finish();

  bool is_open() const;

private:
  std::shared_ptr<stream_state> state_;
};

/// The end that a connection reads from. One thread, except that what it wakes may run on any.
class stream_source {
public:
  explicit stream_source(std::shared_ptr<stream_state> state) : state_(std::move(state)) {}
  ~stream_source(); ///< the client is gone

  stream_source(const stream_source&) = delete;
  stream_source& operator=(const stream_source&) = delete;

  /// `wake` is called, once per `take`, when there is something to take; at once where there is.
  void attach(std::function<void()> wake);

  /// The listener was too slow: what is on its way to it is not worth waiting for.
  bool given_up() const;

  /// Everything that waits, in order. False: nothing will follow it.
  bool take(std::vector<shared_text>& out);

private:
  std::shared_ptr<stream_state> state_;
};

struct event_stream {
  std::shared_ptr<stream_sink> sink;
  std::shared_ptr<stream_source> source;
};

/// A stream from a producer to one client. `ticket` is let go as soon as the client is gone or the
/// stream is given up.
event_stream make_event_stream(stream_bounds bounds, std::shared_ptr<const void> ticket = nullptr);

// -- the format of server-sent events -----------------------------------------------------------

/// `id`, `event` and `data` with their line ends; an empty id or event is left out. Line breaks in
/// `data` are kept, in the form that the format has for them.
std::string sse_event(std::string_view event, std::string_view id, std::string_view data);

/// The same around shared bytes, which are copied only where they hold a line break.
std::vector<shared_text> sse_event(std::string_view event, std::string_view id,
                                   const shared_text& data);

/// A comment: keeps proxies and clients from giving up on a silent stream.
const shared_text& sse_heartbeat();

/// Tells the client how long to wait before it connects again.
std::string sse_retry(std::int64_t milliseconds);

} // namespace tiketi::net
