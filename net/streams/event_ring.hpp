#pragma once

#include "net/http/event_stream.hpp"

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tiketi::net {

/// The last events of a stream, for listeners that come back. Each leads from one version to the
/// next, so that a listener who has any version in between only gets what it lacks. Pure.
class event_ring {
public:
  event_ring(std::size_t count_max, std::size_t bytes_max)
      : count_max_(count_max), bytes_max_(bytes_max) {}

  /// Nothing that was before leads here.
  void restart(std::string version);

  /// `bytes` lead from the last version to this one. Over a bound the oldest events are forgotten;
  /// one that is too large by itself forgets all.
  void push(std::string version, shared_text bytes);

  /// Empty before the first `restart`.
  const std::string& version() const noexcept { return version_; }

  /// What a listener lacks who has `version`; empty: nothing. No value: that is not known here.
  std::optional<std::vector<shared_text>> after(std::string_view version) const;

  std::size_t size() const noexcept { return events_.size(); }

private:
  struct entry {
    std::string from;
    shared_text bytes;
  };

  std::size_t count_max_;
  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  std::string version_;
  std::deque<entry> events_;
};

} // namespace tiketi::net
