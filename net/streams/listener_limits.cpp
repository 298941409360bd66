#include "net/streams/listener_limits.hpp"

#include <boost/asio/ip/address.hpp>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>

namespace tiketi::net {

struct listener_limits::counts {
  explicit counts(listener_bounds b) : bounds(b) {}

  const listener_bounds bounds;
  mutable std::mutex mutex;
  std::size_t all = 0;
  std::map<event_id, std::size_t> events;
  std::map<std::string, std::size_t, std::less<>> addresses;
};

struct listener_limits::ticket {
  ticket(std::shared_ptr<counts> c, event_id e, std::string a, std::shared_ptr<stream_metrics> m)
      : owner(std::move(c)), event(e), address(std::move(a)), metrics(std::move(m)) {
    metrics->listeners.Increment();
  }

  ~ticket() {
    metrics->listeners.Decrement();
    const std::lock_guard lock{owner->mutex};
    --owner->all;
    if (const auto found = owner->events.find(event); --found->second == 0)
      owner->events.erase(found);
    if (const auto found = owner->addresses.find(address); --found->second == 0)
      owner->addresses.erase(found);
  }

  ticket(const ticket&) = delete;
  ticket& operator=(const ticket&) = delete;

  std::shared_ptr<counts> owner;
  event_id event;
  std::string address;
  std::shared_ptr<stream_metrics> metrics;
};

listener_limits::listener_limits(listener_bounds bounds)
    : counts_(std::make_shared<counts>(bounds)) {}

listener_limits::~listener_limits() = default;

result<std::shared_ptr<const void>>
listener_limits::enter(const event_id& event, std::string_view address,
                       std::shared_ptr<stream_metrics> metrics) {
  auto& c = *counts_;
  auto client = listener_address(address);
  {
    const std::lock_guard lock{c.mutex};
    if (c.all >= c.bounds.node_max) {
      metrics->refused_node.Increment();
      return failure{errc::overloaded};
    }
    const auto of_event = c.events.find(event);
    if (of_event != c.events.end() && of_event->second >= c.bounds.event_max) {
      metrics->refused_event.Increment();
      return failure{errc::overloaded};
    }
    const auto of_client = c.addresses.find(client);
    if (of_client != c.addresses.end() && of_client->second >= c.bounds.address_max) {
      metrics->refused_address.Increment();
      return failure{errc::rate_limited, "Too many streams are open from this address"};
    }
    ++c.all;
    ++c.events[event];
    ++c.addresses[client];
  }
  return std::shared_ptr<const void>(
      std::make_shared<ticket>(counts_, event, std::move(client), std::move(metrics)));
}

std::size_t listener_limits::listeners() const {
  const std::lock_guard lock{counts_->mutex};
  return counts_->all;
}

std::string listener_address(std::string_view address) {
  boost::system::error_code ec;
  const auto parsed = boost::asio::ip::make_address(std::string(address), ec);
  if (ec || !parsed.is_v6())
    return std::string(address);
  auto bytes = parsed.to_v6().to_bytes();
  if (parsed.to_v6().is_v4_mapped())
    return parsed.to_v6().to_string();
  std::fill(bytes.begin() + 8, bytes.end(), static_cast<unsigned char>(0));
  return boost::asio::ip::address_v6(bytes).to_string();
}

} // namespace tiketi::net
