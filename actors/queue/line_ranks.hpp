#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tiketi::queue {

/// Sequence numbers of those who wait, and the rank of each: a bit per number, and a Fenwick tree
/// over counts of 1,024 of them (as `waiting_line`, without knowing who they are). All operations
/// are O(log n) or better. Pure; not thread-safe.
class line_ranks {
public:
  /// Numbers between the first and the last who wait; more are not kept.
  static constexpr std::uint64_t range_max = std::uint64_t{1} << 28;

  line_ranks() = default;
  /// Bit i of `words` stands for the number `first_word * 64 + i`. More than `range_max` bits count
  /// as none.
  line_ranks(std::uint64_t first_word, std::vector<std::uint64_t> words);

  std::size_t size() const noexcept { return size_; }
  /// The greatest number that ever was here; 0: none.
  std::uint64_t last() const noexcept { return last_; }

  /// False, and nothing changes: not greater than `last`, or too far from the first.
  bool append(std::uint64_t sequence);
  /// False: it was not here.
  bool erase(std::uint64_t sequence);
  bool contains(std::uint64_t sequence) const;
  /// 1-based; 0: not here.
  std::size_t rank(std::uint64_t sequence) const;

private:
  static constexpr std::size_t block_words = 16;

  void rebuild();
  void add(std::size_t block, std::int64_t delta);

  std::uint64_t first_word_ = 0;
  std::vector<std::uint64_t> words_;
  std::vector<std::int64_t> tree_; ///< Fenwick, 1-based, over blocks of `block_words`
  std::size_t empty_ = 0;          ///< words at the front that are
  std::size_t size_ = 0;
  std::uint64_t last_ = 0;
};

} // namespace tiketi::queue
