#pragma once

#include "actors/base/ids.hpp"
#include "actors/base/result.hpp"
#include "net/streams/stream_metrics.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace tiketi::net {

struct listener_bounds {
  std::size_t node_max = 8'192;  ///< of all streams together
  std::size_t event_max = 8'192; ///< of one event, both kinds
  std::size_t address_max = 256; ///< of one client address; of one network of 64 bits with IPv6
};

/// Counts who listens on this node. Thread-safe; its tickets may outlive it.
class listener_limits {
public:
  explicit listener_limits(listener_bounds bounds);
  ~listener_limits();

  /// A place for one listener until the ticket is let go. overloaded: the node or the event is
  /// full; rate_limited: this client has its share. `metrics` outlives the ticket.
  result<std::shared_ptr<const void>> enter(const event_id& event, std::string_view address,
                                            std::shared_ptr<stream_metrics> metrics);

  std::size_t listeners() const;

private:
  struct counts;
  struct ticket;

  std::shared_ptr<counts> counts_;
};

/// What counts as one client: an IPv4 address, or the first 64 bits of an IPv6 address.
std::string listener_address(std::string_view address);

} // namespace tiketi::net
