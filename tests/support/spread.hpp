#pragma once

#include <cstdint>
#include <vector>

namespace tiketi::test {

/// From now on, requests to any of these ports, which are those of the nodes of one system, go to
/// all of them in turn: no two requests of a connection follow each other at one node.
void spread_requests(const std::vector<std::uint16_t>& ports);

/// The ports that share the requests to this one, which comes first; alone where nobody said so.
std::vector<std::uint16_t> nodes_behind(std::uint16_t port);

} // namespace tiketi::test
