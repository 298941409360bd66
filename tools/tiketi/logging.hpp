#pragma once

#include <string>

namespace tiketi {

/// Makes spdlog write to standard error from a thread of its own; a caller never waits for the
/// terminal, and when lines come faster than they can be written the oldest are lost.
/// `level`, `format`: as the settings `log.level` and `log.format`.
void start_logging(const std::string& level, const std::string& format);

/// Writes what is waiting. Nothing may log afterwards.
void stop_logging();

} // namespace tiketi
