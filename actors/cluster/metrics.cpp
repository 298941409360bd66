#include "actors/cluster/metrics.hpp"

#include <string>

namespace tiketi::cluster {

namespace {

prometheus::Gauge& gauge(prometheus::Registry& registry, const std::string& name,
                         const std::string& help, const prometheus::Labels& labels = {}) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add(labels);
}

prometheus::Counter& counter(prometheus::Registry& registry, const std::string& name,
                             const std::string& help, const prometheus::Labels& labels = {}) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add(labels);
}

prometheus::Gauge& members(prometheus::Registry& registry, const std::string& state) {
  return gauge(registry, "cluster_members", "Nodes whose lease nobody has ended, as this one knows",
               {{"state", state}});
}

prometheus::Counter& handovers(prometheus::Registry& registry, const std::string& direction) {
  return counter(registry, "cluster_handovers_total",
                 "Shards that came to this node or went from it", {{"direction", direction}});
}

prometheus::Counter& received(prometheus::Registry& registry, const std::string& result) {
  return counter(registry, "cluster_commands_received_total",
                 "Commands that this node, as the owner, took", {{"result", result}});
}

template <class State, std::size_t Size>
std::array<prometheus::Gauge*, Size> by_state(prometheus::Registry& registry,
                                              const std::string& name, const std::string& help,
                                              State first) {
  std::array<prometheus::Gauge*, Size> out{};
  for (std::size_t i = 0; i < Size; ++i) {
    const auto state = static_cast<State>(static_cast<std::size_t>(first) + i);
    out[i] = &gauge(registry, name, help, {{"state", std::string{to_string_view(state)}}});
  }
  return out;
}

std::map<reply_code, prometheus::Counter*> refusals(prometheus::Registry& registry) {
  std::map<reply_code, prometheus::Counter*> out;
  for (auto i = static_cast<std::uint8_t>(reply_code::late);
       i <= static_cast<std::uint8_t>(reply_code::bad_deadline); ++i) {
    const auto code = static_cast<reply_code>(i);
    out[code] = &counter(registry, "cluster_commands_refused_total",
                         "Commands that this node's gateway refused, its own and others', by why",
                         {{"code", std::string{to_string_view(code)}}});
  }
  return out;
}

} // namespace

std::string_view to_string_view(link_state state) noexcept {
  switch (state) {
  case link_state::waiting:
    return "waiting";
  case link_state::probing:
    return "probing";
  case link_state::connecting:
    return "connecting";
  case link_state::greeting:
    return "greeting";
  case link_state::up:
    return "up";
  }
  return "";
}

std::string_view to_string_view(shard_state state) noexcept {
  switch (state) {
  case shard_state::elsewhere:
    return "elsewhere";
  case shard_state::acquiring:
    return "acquiring";
  case shard_state::serving:
    return "serving";
  case shard_state::draining:
    return "draining";
  case shard_state::releasing:
    return "releasing";
  }
  return "";
}

cluster_metrics::cluster_metrics(prometheus::Registry& registry)
    : may_serve(gauge(registry, "cluster_may_serve",
                      "1: this node is a member and its lease holds, so it may act")),
      members_serving(members(registry, "serving")),
      members_draining(members(registry, "draining")),
      epoch(gauge(registry, "cluster_view_epoch",
                  "Number of the view that this node goes by; the same on all nodes, soon")),
      lease_remaining(gauge(registry, "cluster_lease_remaining_seconds",
                            "Until this node stops serving if it cannot renew its lease")),
      shards(by_state<shard_state, 4>(registry, "cluster_shards",
                                      "Shards of this node, by what it does with them",
                                      shard_state::acquiring)),
      taken(handovers(registry, "taken")),
      given(handovers(registry, "given")),
      sent(counter(registry, "cluster_commands_sent_total",
                   "Commands for other nodes, repetitions included")),
      applied(received(registry, "applied")),
      repeated(received(registry, "repeated")),
      refused(refusals(registry)),
      links(by_state<link_state, 5>(registry, "cluster_links",
                                    "Connections to the other members, by state",
                                    link_state::waiting)),
      peer_up(prometheus::BuildGauge()
                  .Name("cluster_peer_up")
                  .Help("1: this node is connected to that one")
                  .Register(registry)),
      calls_failed(counter(registry, "cluster_database_failures_total",
                           "Calls to the database of the cluster that failed or got no answer")),
      round_trip(prometheus::BuildHistogram()
                     .Name("cluster_command_seconds")
                     .Help("From sending a command to another node until its answer")
                     .Register(registry)
                     .Add({}, prometheus::Histogram::BucketBoundaries{0.0005, 0.001, 0.0025, 0.005,
                                                                      0.01, 0.025, 0.05, 0.1, 0.25,
                                                                      0.5, 1, 2.5, 5})) {}

} // namespace tiketi::cluster
