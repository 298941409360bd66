#pragma once

#include "config/settings.hpp"

#include <string>

namespace tiketi {

/// `tiketi dead-letters list`: one JSON object a line on standard output for each event of `topic`
/// that a consumer could not apply. With `bus.kind = kafka` from `<topic>.dlq`, else from the table
/// `dead_events` of each role's database. Returns the exit code; throws std::runtime_error with a
/// sentence.
int list_dead_letters(const config::settings& values, const std::string& topic);

/// `tiketi dead-letters replay`: gives them to their consumers again. Without Kafka the node must
/// not run, because the events go back into its outboxes.
int replay_dead_letters(const config::settings& values, const std::string& topic);

} // namespace tiketi
