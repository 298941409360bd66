#include "actors/queue/line_ranks.hpp"

#include <bit>
#include <utility>

namespace tiketi::queue {

namespace {

/// A front this long is given back as soon as it is half of all.
constexpr std::size_t trim_min = 1024;

std::uint64_t bit_of(std::uint64_t sequence) noexcept {
  return std::uint64_t{1} << (sequence % 64);
}

} // namespace

line_ranks::line_ranks(std::uint64_t first_word, std::vector<std::uint64_t> words)
    : first_word_(first_word), words_(std::move(words)) {
  if (words_.size() > range_max / 64)
    words_.clear();
  while (!words_.empty() && words_.back() == 0)
    words_.pop_back();
  for (const auto word : words_)
    size_ += static_cast<std::size_t>(std::popcount(word));
  if (!words_.empty())
    last_ = (first_word_ + words_.size()) * 64 - 1
            - static_cast<std::uint64_t>(std::countl_zero(words_.back()));
  rebuild();
}

bool line_ranks::append(std::uint64_t sequence) {
  if (sequence <= last_)
    return false;
  if (size_ == 0) {
    first_word_ = sequence / 64;
    words_.clear();
    tree_.clear();
    empty_ = 0;
  }
  const auto word = sequence / 64 - first_word_;
  if (word >= range_max / 64)
    return false;
  if (word >= words_.size()) {
    words_.resize(static_cast<std::size_t>(word) + 1);
    const auto blocks = words_.size() / block_words + 1;
    while (tree_.size() <= blocks) {
      // A new node of the tree covers what the nodes below it do.
      const auto node = tree_.size();
      std::int64_t sum = 0;
      if (node > 0)
        for (auto child = node - 1; child > (node & (node - 1)); child &= child - 1)
          sum += tree_[child];
      tree_.push_back(sum);
    }
  }
  words_[static_cast<std::size_t>(word)] |= bit_of(sequence);
  add(static_cast<std::size_t>(word) / block_words, 1);
  ++size_;
  last_ = sequence;
  return true;
}

bool line_ranks::contains(std::uint64_t sequence) const {
  const auto word = sequence / 64;
  return word >= first_word_ && word - first_word_ < words_.size()
         && (words_[static_cast<std::size_t>(word - first_word_)] & bit_of(sequence)) != 0;
}

bool line_ranks::erase(std::uint64_t sequence) {
  if (!contains(sequence))
    return false;
  const auto word = static_cast<std::size_t>(sequence / 64 - first_word_);
  words_[word] &= ~bit_of(sequence);
  add(word / block_words, -1);
  --size_;
  while (empty_ < words_.size() && words_[empty_] == 0)
    ++empty_;
  if (empty_ >= trim_min && empty_ * 2 >= words_.size()) {
    words_.erase(words_.begin(), words_.begin() + static_cast<std::ptrdiff_t>(empty_));
    first_word_ += empty_;
    rebuild();
  }
  return true;
}

std::size_t line_ranks::rank(std::uint64_t sequence) const {
  if (!contains(sequence))
    return 0;
  const auto word = static_cast<std::size_t>(sequence / 64 - first_word_);
  std::int64_t before = 0;
  for (auto node = word / block_words; node > 0; node &= node - 1)
    before += tree_[node];
  auto out = static_cast<std::size_t>(before);
  for (auto w = word / block_words * block_words; w < word; ++w)
    out += static_cast<std::size_t>(std::popcount(words_[w]));
  const auto up_to = words_[word] & (bit_of(sequence) | (bit_of(sequence) - 1));
  return out + static_cast<std::size_t>(std::popcount(up_to));
}

void line_ranks::rebuild() {
  empty_ = 0;
  while (empty_ < words_.size() && words_[empty_] == 0)
    ++empty_;
  const auto blocks = words_.size() / block_words + 1;
  tree_.assign(blocks + 1, 0);
  for (std::size_t w = 0; w < words_.size(); ++w)
    tree_[w / block_words + 1] += std::popcount(words_[w]);
  for (std::size_t node = 1; node <= blocks; ++node)
    if (const auto up = node + (node & (~node + 1)); up <= blocks)
      tree_[up] += tree_[node];
}

void line_ranks::add(std::size_t block, std::int64_t delta) {
  for (auto node = block + 1; node < tree_.size(); node += node & (~node + 1))
    tree_[node] += delta;
}

} // namespace tiketi::queue
