#pragma once

#include "actors/base/ids.hpp"
#include "actors/cluster/query.hpp"

#include <cstdint>
#include <vector>

#include <caf/meta/type_name.hpp>

namespace tiketi::queue {

/// Query of another node that keeps a copy of a line: what has changed since? Tells the owner who
/// was heard of there. Answered by `line_update`.
struct follow_line {
  event_id event;
  std::uint64_t nonce = 0;      ///< of the copy; 0: there is none
  std::uint64_t since = 0;      ///< changes that it has
  std::vector<user_id> seen;    ///< waiting users who have asked there
  std::vector<user_id> unknown; ///< users whose place the copy does not know
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, follow_line& x) {
  return f(caf::meta::type_name("follow_line"), x.event, x.nonce, x.since, x.seen, x.unknown);
}

/// What happened to a place in a line.
enum class line_change : std::uint8_t {
  joined,
  gone,   ///< admitted, left, or dropped
  leaving ///< goodbye was said: whoever asks for this place shall ask its owner, who keeps it then
};

constexpr std::uint64_t encode(line_change what, std::uint64_t sequence) noexcept {
  return sequence << 2 | static_cast<std::uint64_t>(what);
}

/// The numbers of all who wait, or what changed; and the figures that answers are made of.
struct line_update {
  std::uint64_t nonce = 0;   ///< of the owner's log; 0: nobody is in this queue
  std::uint64_t changes = 0; ///< in the log so far
  bool whole = true;
  bool too_wide = false;              ///< of no use: every question is one for the owner
  std::uint64_t first_word = 0;       ///< see `line_ranks`; `whole` only
  std::vector<std::uint64_t> waiting; ///< its bits
  std::vector<std::uint64_t> log;     ///< see `encode`; with `whole`: who is leaving
  std::vector<std::uint64_t> places;  ///< numbers of the unknown; 0: the owner has to be asked
  std::uint64_t active = 0;
  std::uint32_t threshold = 0;
  std::uint64_t admitted = 0; ///< see `admission_figures`
  std::int64_t elapsed_ms = 0;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, line_update& x) {
  return f(caf::meta::type_name("line_update"), x.nonce, x.changes, x.whole, x.too_wide,
           x.first_word, x.waiting, x.log, x.places, x.active, x.threshold, x.admitted,
           x.elapsed_ms);
}

} // namespace tiketi::queue

template <>
struct tiketi::cluster::is_query<tiketi::queue::follow_line> : std::true_type {};
