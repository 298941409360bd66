#pragma once

#include "actors/base/ids.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

namespace tiketi::queue {

/// A waiting user and the sequence number that gave the place.
struct waiting_user {
  user_id user;
  std::uint64_t sequence = 0;

  friend bool operator==(const waiting_user&, const waiting_user&) = default;
};

/// The users who wait for one event, in join order. Position = rank among those still waiting.
/// Join, leave, look-up and rank are O(log n); a pure data structure, not thread-safe.
///
/// Layout, per waiting user in a line without gaps: a slot of 24 bytes (user id 16, low half of
/// the sequence number 4, last seen and leaving mark 4), one bit that tells whether the slot is
/// taken, and 4 bytes of an open-addressing index at a load of 0.4 to 0.8, so 29 to 34 bytes.
/// Slots live in chunks of 1024 that are never moved to grow; a Fenwick tree (P. Fenwick, "A new
/// data structure for cumulative frequency tables", 1994) counts users per chunk, and the bits
/// give the rest of a rank. Empty chunks are given back at once; when more than half of the slots
/// are gaps the line is packed, so memory follows the number of users within a factor of about 2.
class waiting_line {
public:
  /// Most users in one line.
  static constexpr std::size_t size_max = 1u << 28;

  waiting_line();
  ~waiting_line();
  waiting_line(waiting_line&&) noexcept;
  waiting_line& operator=(waiting_line&&) noexcept;

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  /// Sequence number of the last user in the line, or of the last that ever was; 0: none.
  std::uint64_t last_sequence() const noexcept { return last_sequence_; }

  /// Appends. False, and nothing changes, when the user waits already, the line is full, or
  /// `sequence` is not greater than `last_sequence()`. `now_s`: see `line_seconds`.
  bool push_back(const user_id& user, std::uint64_t sequence, std::uint32_t now_s);

  bool contains(const user_id& user) const { return index_of(user).has_value(); }

  /// 1-based; 0: not in the line.
  std::size_t position(const user_id& user) const;

  /// 0: not in the line.
  std::uint64_t sequence_of(const user_id& user) const;

  /// The user was heard of, so is not stale and not leaving. False: not in the line.
  bool touch(const user_id& user, std::uint32_t now_s);

  /// The user said goodbye at `now_s`, but keeps the place for now. False: not in the line.
  bool mark_leaving(const user_id& user, std::uint32_t now_s);

  /// When the user said goodbye; nothing: not leaving, or not in the line.
  std::optional<std::uint32_t> leaving_since(const user_id& user) const;

  bool erase(const user_id& user);
  void clear();

  /// The first `count` users with a greater sequence number than `after`, in join order.
  std::vector<waiting_user> front(std::size_t count, std::uint64_t after = 0) const;

  /// Looks at the next `scan_max` slots, going round, for users who are not leaving and were last
  /// heard of before `before_s`; stops after `found_max` of them. Removes nobody.
  std::vector<waiting_user> sweep(std::uint32_t before_s, std::size_t scan_max,
                                  std::size_t found_max);

  /// Memory held, in bytes, without the allocator's own overhead.
  std::size_t bytes() const noexcept;

private:
  static constexpr std::uint32_t chunk_slots = 1024;
  static constexpr std::uint32_t leaving_bit = 1u << 31;

  struct slot {
    user_id user;
    std::uint32_t sequence_low = 0;
    std::uint32_t seen = 0; ///< seconds, with `leaving_bit`
  };
  static_assert(sizeof(slot) == 24);

  struct chunk {
    std::array<std::uint64_t, chunk_slots / 64> taken{};
    std::uint32_t count = 0;
    std::array<slot, chunk_slots> slots{};
  };

  /// User to slot number: 256 tables that grow one by one, so that no growth is a long pause and
  /// none doubles more than 1/256 of the memory. Linear probing, deletion by backward shift.
  struct index_table {
    std::unique_ptr<std::uint32_t[]> cells;
    std::uint32_t capacity = 0;
    std::uint32_t used = 0;
  };
  static constexpr std::uint32_t no_slot = 0xffffffff;

  slot& at(std::uint32_t number) const;
  std::optional<std::uint32_t> index_of(const user_id& user) const;
  void index_insert(const user_id& user, std::uint32_t number);
  void index_erase(const user_id& user);
  void index_replace(const user_id& user, std::uint32_t from, std::uint32_t to);
  void grow(index_table& table);

  std::uint64_t full_sequence(const slot& s) const noexcept;
  std::size_t prefix(std::size_t chunks) const;
  void add(std::size_t chunk_index, std::uint32_t delta);
  void append_chunk();
  void trim();
  void pack();
  void rebuild_tree();

  std::deque<std::unique_ptr<chunk>> chunks_; ///< null: empty and given back
  std::vector<std::uint32_t> tree_;           ///< Fenwick, 1-based, over `chunks_`
  std::vector<index_table> index_;
  std::size_t size_ = 0;
  std::size_t chunks_held_ = 0;
  std::uint64_t last_sequence_ = 0;
  std::uint32_t base_ = 0; ///< number of the first chunk: slot number = chunk number * 1024 + place
  std::size_t head_ = 0;   ///< chunks before this one are empty
  std::uint32_t tail_used_ = chunk_slots; ///< slots handed out in the last chunk
  std::uint32_t cursor_ = 0;              ///< slot number where `sweep` goes on
};

/// Seconds since 2020 in 31 bits, good until 2088: the line's notion of time. Earlier is 0.
std::uint32_t line_seconds(time_point t) noexcept;
time_point from_line_seconds(std::uint32_t s) noexcept;

} // namespace tiketi::queue
