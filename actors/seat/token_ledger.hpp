#pragma once

#include "actors/seat/guard.hpp"

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace tiketi::ticket {

/// The newest token of every seat that this process has given out, wherever it came from. With the
/// floors of the callers this is what no guard may go below. Pure; one entry per seat ever held.
class token_ledger {
public:
  token_ledger() = default;

  /// The highest token that is known: of the caller or of this ledger.
  std::uint64_t floor(const token_floor& seat) const;

  /// Takes over tokens that another place gave out. False, and nothing changes, unless there is one
  /// for each seat and each is greater than all that are known.
  bool accept(const std::vector<token_floor>& seats, const std::vector<std::uint64_t>& values);

  /// New ones of its own: each the next after all that are known.
  std::vector<std::uint64_t> issue(const std::vector<token_floor>& seats);

private:
  std::unordered_map<seat_id, std::uint64_t> last_;
};

} // namespace tiketi::ticket
