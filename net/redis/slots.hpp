#pragma once

#include "actors/redis/client.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Which node of a Redis Cluster has which key. Pure: no sockets, no clock, no thread of its own.

namespace tiketi::net {

inline constexpr std::size_t redis_slots = 16'384;

/// CRC-16/XMODEM.
std::uint16_t crc16(std::string_view bytes) noexcept;

/// What is hashed of a key is between its first `{` and the first `}` behind that, unless nothing
/// is there; without them all of it.
std::uint16_t key_slot(std::string_view key) noexcept;

/// Where a call has to go. None: no key, so every master can answer it. The first key of a script;
/// of a command the first word behind its name.
std::optional<std::uint16_t> call_slot(const redis::call& c) noexcept;

struct redis_address {
  std::string host; ///< name or address
  std::uint16_t port = 0;

  friend auto operator<=>(const redis_address&, const redis_address&) = default;
};

std::string to_string(const redis_address& where);

/// What an error `MOVED slot host:port` or `ASK slot host:port` says.
struct redirection {
  bool ask = false; ///< for this call only, behind `ASKING`
  redis_address to;
};

/// None: the text is another error, or nonsense. `asked`: the host that said it, which is meant by
/// an address without a host.
std::optional<redirection> parse_redirection(std::string_view text, const std::string& asked);

struct slot_range {
  std::uint16_t first = 0;
  std::uint16_t last = 0; ///< included
  redis_address master;
};

/// The answer to CLUSTER SLOTS; slots whose master has no known host are left out. None: it is no
/// such answer, or has more masters than a cluster can (1000).
std::optional<std::vector<slot_range>> parse_slots(const redis::reply& answer,
                                                   const std::string& asked);

/// Who serves which slot, as far as is known.
class slot_table {
public:
  /// Takes over what a node says. A slot about which it says nothing stays where it was: a node
  /// that has forgotten everything must not make this one forget.
  void learn(const std::vector<slot_range>& ranges);

  /// Index into `masters`; none: not known.
  std::optional<std::size_t> owner(std::uint16_t slot) const noexcept;
  /// Each with one slot at least, none twice.
  const std::vector<redis_address>& masters() const noexcept { return masters_; }
  /// How many slots each of `masters` has.
  const std::vector<std::size_t>& slots_of() const noexcept { return counts_; }
  /// Slots about which the last answer said nothing.
  std::size_t unserved() const noexcept { return unserved_; }

private:
  std::vector<redis_address> masters_;
  std::vector<std::size_t> counts_;
  std::vector<std::uint16_t> owners_; ///< index and 1, by slot; empty: nothing was learnt
  std::size_t unserved_ = redis_slots;
};

} // namespace tiketi::net
