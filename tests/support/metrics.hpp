#pragma once

#include <cstdint>
#include <string>

namespace tiketi::test {

/// The sum of a metric's values over its labels, as a program on this port shows them; with
/// `labels`, such as `source="redis"`, of those that carry them. -1: there is no such metric.
double metric(std::uint16_t port, const std::string& name, const std::string& labels = {});

} // namespace tiketi::test
