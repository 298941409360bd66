#include "storage/cluster_store.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace tiketi::cluster {

namespace {

bool is_name(std::string_view text, std::size_t size_max) {
  return !text.empty() && text.size() <= size_max
         && std::all_of(text.begin(), text.end(), [](char c) {
              return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-'
                     || c == '_';
            });
}

} // namespace

std::optional<std::string> problem_of(const join_request& request) {
  if (!is_name(request.node, 64))
    return fmt::format("\"{}\" is no name for a node: 1 to 64 of a-z, 0-9, '.', '-' and '_'",
                       request.node);
  if (request.boot.is_nil())
    return "the process has no id";
  if (request.address.empty() || request.address.size() > 255)
    return "the address must have 1 to 255 characters";
  if (request.roles.empty() || request.roles.size() > 16)
    return "a node has 1 to 16 roles";
  std::size_t size = 0;
  for (const auto& role : request.roles) {
    if (!is_name(role, 32))
      return fmt::format("\"{}\" is no name for a role", role);
    size += role.size() + 1;
  }
  if (size > 255)
    return "the names of the roles are too long together";
  if (request.weight > weight_max)
    return fmt::format("a weight of {} is above {}", request.weight, weight_max);
  if (request.lease.count() <= 0)
    return "a lease has a length";
  if (!parse_release(request.runs.version) || request.runs.version.size() > 64)
    return fmt::format("\"{}\" is not a version", request.runs.version);
  return std::nullopt;
}

} // namespace tiketi::cluster
