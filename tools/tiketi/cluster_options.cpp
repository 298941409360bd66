#include "tools/tiketi/cluster_options.hpp"

#include <cctype>
#include <string>

#include <unistd.h>

namespace tiketi {

namespace {

/// As far as it is a name that a node may have.
std::string machine_name() {
  char name[64 + 1] = {};
  std::string out;
  if (::gethostname(name, sizeof name - 1) == 0)
    for (const char c : std::string{name}) {
      const auto lower = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      if ((lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9') || lower == '.'
          || lower == '-' || lower == '_')
        out += lower;
    }
  return out.empty() ? "node" : out;
}

} // namespace

cluster::transport_options transport_of(const config::settings& values) {
  cluster::transport_options out;
  out.bind = values.cluster_address;
  out.port = static_cast<std::uint16_t>(values.cluster_port);
  out.ca_file = values.cluster_ca_file;
  out.certificate_file = values.cluster_certificate_file;
  out.key_file = values.cluster_key_file;
  out.plain = values.cluster_allow_plain;
  return out;
}

cluster::cluster_options cluster_options_of(const config::settings& values) {
  cluster::cluster_options out;
  out.transport = transport_of(values);
  auto& lease = out.membership.agent.lease;
  lease.lease = values.cluster_lease;
  lease.margin = values.cluster_margin;
  lease.renew = values.cluster_lease / 3;
  lease.retry = values.cluster_lease / 15;
  out.membership.look = values.cluster_lease / 12;
  return out;
}

cluster::replica_rules replica_rules_of(const config::settings& values) {
  cluster::replica_rules out;
  out.age_max = values.cluster_read_age;
  out.stale_max = values.cluster_read_stale;
  return out;
}

cluster::join_request member_of(const config::settings& values) {
  cluster::join_request out;
  out.node = values.cluster_node.empty() ? machine_name() : values.cluster_node;
  out.address = values.cluster_advertise;
  out.roles = {std::string{cluster::sale_role}};
  out.weight = static_cast<std::uint32_t>(values.cluster_weight);
  out.runs = {TIKETI_VERSION, cluster::protocol_version};
  out.lease = values.cluster_lease;
  return out;
}

} // namespace tiketi
