#pragma once

#include <cstdint>
#include <string>

namespace tiketi::test {

/// The page of metrics of a program on this port. Of a cluster (spread.hpp): its nodes', each
/// sample added up over them, as a collector would.
std::string metrics_page(std::uint16_t port);

/// The sum of a metric's values over its labels, as a program on this port shows them; with
/// `labels`, such as `source="redis"`, of those that carry them. -1: there is no such metric.
double metric(std::uint16_t port, const std::string& name, const std::string& labels = {});

} // namespace tiketi::test
