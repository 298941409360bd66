#pragma once

#include "config/settings.hpp"
#include "net/kafka/options.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace tiketi {

/// The topics that a role's outbox has events for. Throws std::logic_error for a role without.
std::vector<std::string> topics_of(std::string_view role);

/// What the settings say about Kafka.
kafka::kafka_options kafka_options_of(const config::settings& values);

} // namespace tiketi
