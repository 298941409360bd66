#pragma once

#include "actors/base/result.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>

// Payloads of commands and answers between nodes: CAF's binary format of inspectable types.

namespace tiketi::cluster {

template <class T>
std::string encode(caf::actor_system& sys, const T& value) {
  std::vector<char> buffer;
  caf::binary_serializer sink{sys, buffer};
  // Inspectors of both directions share one signature; a serialiser only reads.
  if (sink(const_cast<T&>(value)))
    return {};
  return {buffer.begin(), buffer.end()};
}

/// Nothing: these bytes are no `T`.
template <class T>
std::optional<T> decode(caf::actor_system& sys, std::string_view bytes) {
  T out{};
  caf::binary_deserializer source{sys, bytes.data(), bytes.size()};
  if (source(out))
    return std::nullopt;
  return out;
}

/// A refusal as the payload of a `failed` answer, and back. A code of a newer release is
/// `internal`.
std::string encode_failure(const failure& why);
failure decode_failure(std::string_view bytes);

} // namespace tiketi::cluster
