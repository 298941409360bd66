#pragma once

#include "net/http/event_stream.hpp"
#include "tests/streams/sse_reader.hpp"

#include <vector>

namespace tiketi::test {

/// A listener without a socket.
struct sink_listener {
  explicit sink_listener(net::stream_bounds bounds = {}) : stream(net::make_event_stream(bounds)) {}

  /// False: the stream has ended.
  bool read() {
    std::vector<net::shared_text> chunks;
    const bool more = stream.source->take(chunks);
    for (const auto& c : chunks)
      reader.feed(*c);
    taken.insert(taken.end(), chunks.begin(), chunks.end());
    return more;
  }

  net::event_stream stream;
  sse_reader reader;
  std::vector<net::shared_text> taken;
};

} // namespace tiketi::test
