#include "actors/cluster/version.hpp"

#include <charconv>

#include <fmt/format.h>

namespace tiketi::cluster {

namespace {

std::uint32_t apart(std::uint32_t a, std::uint32_t b) {
  return a > b ? a - b : b - a;
}

} // namespace

std::optional<release> parse_release(std::string_view text) {
  release out;
  const char* end = text.data() + text.size();
  const auto major = std::from_chars(text.data(), end, out.major);
  if (major.ec != std::errc{} || major.ptr == end || *major.ptr != '.')
    return std::nullopt;
  const auto minor = std::from_chars(major.ptr + 1, end, out.minor);
  if (minor.ec != std::errc{} || (minor.ptr != end && *minor.ptr != '.' && *minor.ptr != '-'))
    return std::nullopt;
  return out;
}

std::optional<std::string> incompatible(const software& mine, std::string_view peer,
                                        const software& theirs) {
  const auto a = parse_release(mine.version);
  const auto b = parse_release(theirs.version);
  if (!a)
    return fmt::format("\"{}\" is not a version", mine.version);
  if (!b)
    return fmt::format("node {} says it runs version \"{}\", which is none", peer, theirs.version);
  if (a->major != b->major || apart(a->minor, b->minor) > 1)
    return fmt::format("this node runs version {}, node {} runs {}: one minor release apart is "
                       "allowed, so update in steps",
                       mine.version, peer, theirs.version);
  if (apart(mine.protocol, theirs.protocol) > 1)
    return fmt::format("this node speaks protocol {}, node {} speaks {}: one apart is allowed",
                       mine.protocol, peer, theirs.protocol);
  return std::nullopt;
}

} // namespace tiketi::cluster
