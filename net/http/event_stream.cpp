#include "net/http/event_stream.hpp"

#include <fmt/format.h>

namespace tiketi::net {

struct stream_state {
  explicit stream_state(stream_bounds b, std::shared_ptr<const void> t)
      : bounds(b), ticket(std::move(t)) {}

  /// Under the lock. What it returns is destroyed outside of it.
  std::shared_ptr<const void> give_up() {
    gone = true;
    waiting.clear();
    return std::move(ticket);
  }

  /// Under the lock: the consumer is to be told, after the lock is released.
  std::function<void()> to_wake() {
    if (!wake || told)
      return {};
    told = true;
    return wake;
  }

  const stream_bounds bounds;
  mutable std::mutex mutex;
  std::shared_ptr<const void> ticket;
  std::vector<shared_text> waiting;
  std::size_t chunks = 0; ///< that count against the bound
  std::size_t bytes = 0;
  bool gone = false;  ///< nobody reads any more, or nobody should
  bool ended = false; ///< nothing more will come
  bool told = false;  ///< the consumer will `take`
  std::function<void()> wake;
};

stream_sink::~stream_sink() {
  finish();
}

push_result stream_sink::push(shared_text chunk) {
  auto& s = *state_;
  std::function<void()> wake;
  std::shared_ptr<const void> ticket;
  auto out = push_result::taken;
  {
    const std::lock_guard lock{s.mutex};
    if (s.gone || s.ended)
      return push_result::gone;
    if (s.chunks + 1 > s.bounds.chunks_max || s.bytes + chunk->size() > s.bounds.bytes_max) {
      ticket = s.give_up();
      out = push_result::too_slow;
      wake = s.wake; // also where it was told before, and is busy writing
    } else {
      ++s.chunks;
      s.bytes += chunk->size();
      s.waiting.push_back(std::move(chunk));
      wake = s.to_wake();
    }
  }
  if (wake)
    wake();
  return out;
}

push_result stream_sink::restart(std::vector<shared_text> chunks) {
  auto& s = *state_;
  std::function<void()> wake;
  {
    const std::lock_guard lock{s.mutex};
    if (s.gone || s.ended)
      return push_result::gone;
    s.waiting.swap(chunks);
    s.chunks = 0;
    s.bytes = 0;
    wake = s.to_wake();
  }
  if (wake)
    wake();
  return push_result::taken;
}

void stream_sink::finish() {
  auto& s = *state_;
  std::function<void()> wake;
  {
    const std::lock_guard lock{s.mutex};
    if (s.gone || s.ended)
      return;
    s.ended = true;
    wake = s.to_wake();
  }
  if (wake)
    wake();
}

bool stream_sink::is_open() const {
  const std::lock_guard lock{state_->mutex};
  return !state_->gone && !state_->ended;
}

stream_source::~stream_source() {
  std::shared_ptr<const void> ticket;
  std::function<void()> wake;
  const std::lock_guard lock{state_->mutex};
  ticket = state_->give_up();
  // It refers to the connection, which must not live on as long as the sink.
  wake.swap(state_->wake);
}

void stream_source::attach(std::function<void()> wake) {
  auto& s = *state_;
  std::function<void()> now;
  {
    const std::lock_guard lock{s.mutex};
    s.wake = std::move(wake);
    if (!s.waiting.empty() || s.ended || s.gone)
      now = s.to_wake();
  }
  if (now)
    now();
}

bool stream_source::given_up() const {
  const std::lock_guard lock{state_->mutex};
  return state_->gone;
}

bool stream_source::take(std::vector<shared_text>& out) {
  auto& s = *state_;
  out.clear();
  const std::lock_guard lock{s.mutex};
  out.swap(s.waiting);
  s.chunks = 0;
  s.bytes = 0;
  s.told = false;
  return !s.ended && !s.gone;
}

event_stream make_event_stream(stream_bounds bounds, std::shared_ptr<const void> ticket) {
  auto state = std::make_shared<stream_state>(bounds, std::move(ticket));
  return {std::make_shared<stream_sink>(state), std::make_shared<stream_source>(state)};
}

// -- the format ---------------------------------------------------------------------------------

namespace {

std::string sse_head(std::string_view event, std::string_view id) {
  std::string out;
  // An id or a name with a line break would begin another field.
  const auto field = [&](std::string_view name, std::string_view value) {
    if (!value.empty() && value.find_first_of(std::string_view{"\r\n\0", 3}) == value.npos)
      out.append(name).append(": ").append(value).append("\n");
  };
  field("id", id);
  field("event", event);
  return out;
}

} // namespace

std::string sse_event(std::string_view event, std::string_view id, std::string_view data) {
  auto out = sse_head(event, id);
  out.reserve(out.size() + data.size() + 16);
  for (;;) {
    const auto end = data.find_first_of("\r\n");
    out.append("data: ").append(data.substr(0, end)).append("\n");
    if (end == data.npos)
      break;
    const bool both = data[end] == '\r' && end + 1 < data.size() && data[end + 1] == '\n';
    data.remove_prefix(end + (both ? 2 : 1));
  }
  out += '\n';
  return out;
}

std::vector<shared_text> sse_event(std::string_view event, std::string_view id,
                                   const shared_text& data) {
  if (data->find_first_of("\r\n") != std::string::npos)
    return {std::make_shared<const std::string>(sse_event(event, id, std::string_view{*data}))};
  static const auto end = std::make_shared<const std::string>("\n\n");
  return {std::make_shared<const std::string>(sse_head(event, id) + "data: "), data, end};
}

const shared_text& sse_heartbeat() {
  static const shared_text comment = std::make_shared<const std::string>(":\n\n");
  return comment;
}

std::string sse_retry(std::int64_t milliseconds) {
  return fmt::format("retry: {}\n\n", milliseconds);
}

} // namespace tiketi::net
