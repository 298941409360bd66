#include "actors/queue/waiting_line.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace tiketi::queue {

namespace {

constexpr std::int64_t epoch_2020 = 1'577'836'800;
constexpr std::size_t tables = 256;
constexpr std::uint32_t chunk_number_max = (1u << 22) - 2; // keeps `no_slot` out of reach

std::size_t hash_of(const user_id& user) noexcept {
  return std::hash<user_id>{}(user);
}

std::size_t table_of(std::size_t hash) noexcept {
  return hash >> 56;
}

} // namespace

std::uint32_t line_seconds(time_point t) noexcept {
  const auto s = to_millis(t) / 1000 - epoch_2020;
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(s, 0, 0x7fffffff));
}

time_point from_line_seconds(std::uint32_t s) noexcept {
  return from_millis((epoch_2020 + static_cast<std::int64_t>(s)) * 1000);
}

waiting_line::waiting_line() : index_(tables) {}
waiting_line::~waiting_line() = default;
waiting_line::waiting_line(waiting_line&&) noexcept = default;
waiting_line& waiting_line::operator=(waiting_line&&) noexcept = default;

// -- index -------------------------------------------------------------------------------------

waiting_line::slot& waiting_line::at(std::uint32_t number) const {
  return chunks_[number / chunk_slots - base_]->slots[number % chunk_slots];
}

std::optional<std::uint32_t> waiting_line::index_of(const user_id& user) const {
  const auto hash = hash_of(user);
  const auto& table = index_[table_of(hash)];
  if (table.used == 0)
    return std::nullopt;
  const auto mask = table.capacity - 1;
  for (auto i = static_cast<std::uint32_t>(hash) & mask;; i = (i + 1) & mask) {
    const auto number = table.cells[i];
    if (number == no_slot)
      return std::nullopt;
    if (at(number).user == user)
      return number;
  }
}

void waiting_line::grow(index_table& table) {
  const auto capacity = table.capacity == 0 ? 8u : table.capacity * 2;
  auto cells = std::make_unique<std::uint32_t[]>(capacity);
  std::fill_n(cells.get(), capacity, no_slot);
  for (std::uint32_t i = 0; i < table.capacity; ++i) {
    const auto number = table.cells[i];
    if (number == no_slot)
      continue;
    auto j = static_cast<std::uint32_t>(hash_of(at(number).user)) & (capacity - 1);
    while (cells[j] != no_slot)
      j = (j + 1) & (capacity - 1);
    cells[j] = number;
  }
  table.cells = std::move(cells);
  table.capacity = capacity;
}

void waiting_line::index_insert(const user_id& user, std::uint32_t number) {
  const auto hash = hash_of(user);
  auto& table = index_[table_of(hash)];
  if ((table.used + 1) * 5 > table.capacity * 4)
    grow(table);
  const auto mask = table.capacity - 1;
  auto i = static_cast<std::uint32_t>(hash) & mask;
  while (table.cells[i] != no_slot)
    i = (i + 1) & mask;
  table.cells[i] = number;
  ++table.used;
}

void waiting_line::index_erase(const user_id& user) {
  const auto hash = hash_of(user);
  auto& table = index_[table_of(hash)];
  const auto mask = table.capacity - 1;
  auto hole = static_cast<std::uint32_t>(hash) & mask;
  while (at(table.cells[hole]).user != user)
    hole = (hole + 1) & mask;
  for (auto i = (hole + 1) & mask; table.cells[i] != no_slot; i = (i + 1) & mask) {
    const auto home = static_cast<std::uint32_t>(hash_of(at(table.cells[i]).user)) & mask;
    // Moves back unless its home lies after the hole (cyclically).
    if (((i - home) & mask) >= ((i - hole) & mask)) {
      table.cells[hole] = table.cells[i];
      hole = i;
    }
  }
  table.cells[hole] = no_slot;
  --table.used;
  if (table.used == 0) {
    table.cells.reset();
    table.capacity = 0;
  }
}

void waiting_line::index_replace(const user_id& user, std::uint32_t from, std::uint32_t to) {
  const auto hash = hash_of(user);
  auto& table = index_[table_of(hash)];
  const auto mask = table.capacity - 1;
  auto i = static_cast<std::uint32_t>(hash) & mask;
  while (table.cells[i] != from)
    i = (i + 1) & mask;
  table.cells[i] = to;
}

// -- ranks -------------------------------------------------------------------------------------

std::size_t waiting_line::prefix(std::size_t chunks) const {
  std::size_t sum = 0;
  for (auto i = chunks; i > 0; i &= i - 1)
    sum += tree_[i - 1];
  return sum;
}

void waiting_line::add(std::size_t chunk_index, std::uint32_t delta) {
  for (auto i = chunk_index + 1; i <= tree_.size(); i += i & (~i + 1))
    tree_[i - 1] += delta; // a removal is an addition modulo 2^32
}

void waiting_line::rebuild_tree() {
  tree_.assign(chunks_.size(), 0);
  for (std::size_t i = 1; i <= chunks_.size(); ++i) {
    tree_[i - 1] += chunks_[i - 1] ? chunks_[i - 1]->count : 0;
    const auto parent = i + (i & (~i + 1));
    if (parent <= chunks_.size())
      tree_[parent - 1] += tree_[i - 1];
  }
}

void waiting_line::append_chunk() {
  if (base_ + chunks_.size() >= chunk_number_max)
    pack(); // four thousand million joins: numbers start again at 0
  chunks_.push_back(std::make_unique<chunk>());
  ++chunks_held_;
  const auto i = chunks_.size();
  // The new node covers itself and the nodes below it, whose sum is known from two prefixes.
  tree_.push_back(0);
  const auto below = prefix(i - 1) - prefix(i & (i - 1));
  tree_[i - 1] = static_cast<std::uint32_t>(below);
  tail_used_ = 0;
}

void waiting_line::trim() {
  while (head_ < chunks_.size() && !chunks_[head_])
    ++head_;
  if (head_ >= 64 && head_ * 2 > chunks_.size()) {
    chunks_.erase(chunks_.begin(), chunks_.begin() + static_cast<std::ptrdiff_t>(head_));
    base_ += static_cast<std::uint32_t>(head_);
    head_ = 0;
    if (chunks_.empty())
      tail_used_ = chunk_slots;
    rebuild_tree();
  }
}

void waiting_line::pack() {
  std::deque<std::unique_ptr<chunk>> packed;
  std::uint32_t used = chunk_slots;
  for (auto i = head_; i < chunks_.size(); ++i) {
    if (!chunks_[i])
      continue;
    for (std::uint32_t place = 0; place < chunk_slots; ++place) {
      if ((chunks_[i]->taken[place / 64] >> (place % 64) & 1) == 0)
        continue;
      if (used == chunk_slots) {
        packed.push_back(std::make_unique<chunk>());
        used = 0;
      }
      const auto& s = chunks_[i]->slots[place];
      const auto from = (base_ + static_cast<std::uint32_t>(i)) * chunk_slots + place;
      const auto to = static_cast<std::uint32_t>(packed.size() - 1) * chunk_slots + used;
      // A new number never exceeds an old one, so no cell that is still to be found equals it.
      index_replace(s.user, from, to);
      auto& target = *packed.back();
      target.slots[used] = s;
      target.taken[used / 64] |= std::uint64_t{1} << (used % 64);
      ++target.count;
      ++used;
    }
    chunks_[i].reset(); // gives memory back while the rest is packed
  }
  chunks_ = std::move(packed);
  chunks_held_ = chunks_.size();
  base_ = 0;
  head_ = 0;
  tail_used_ = used;
  cursor_ = 0;
  rebuild_tree();
}

// -- members -----------------------------------------------------------------------------------

bool waiting_line::push_back(const user_id& user, std::uint64_t sequence, std::uint32_t now_s) {
  if (sequence <= last_sequence_ || size_ >= size_max || contains(user))
    return false;
  if (tail_used_ == chunk_slots)
    append_chunk();
  if (!chunks_.back()) { // all its users left before it was full
    chunks_.back() = std::make_unique<chunk>();
    ++chunks_held_;
    head_ = std::min(head_, chunks_.size() - 1);
  }
  const auto place = tail_used_++;
  auto& c = *chunks_.back();
  c.slots[place] = slot{user, static_cast<std::uint32_t>(sequence), now_s & ~leaving_bit};
  c.taken[place / 64] |= std::uint64_t{1} << (place % 64);
  ++c.count;
  add(chunks_.size() - 1, 1);
  index_insert(user,
               (base_ + static_cast<std::uint32_t>(chunks_.size() - 1)) * chunk_slots + place);
  last_sequence_ = sequence;
  ++size_;
  return true;
}

std::size_t waiting_line::position(const user_id& user) const {
  const auto number = index_of(user);
  if (!number)
    return 0;
  const auto i = *number / chunk_slots - base_;
  const auto place = *number % chunk_slots;
  const auto& taken = chunks_[i]->taken;
  auto rank = prefix(i);
  for (std::uint32_t word = 0; word < place / 64; ++word)
    rank += static_cast<std::size_t>(std::popcount(taken[word]));
  const auto below = (std::uint64_t{1} << (place % 64)) - 1;
  return rank + static_cast<std::size_t>(std::popcount(taken[place / 64] & below)) + 1;
}

std::uint64_t waiting_line::full_sequence(const slot& s) const noexcept {
  // Numbers in one line never lie 2^32 apart: only the distance to the last one is needed.
  return last_sequence_ - (static_cast<std::uint32_t>(last_sequence_) - s.sequence_low);
}

std::uint64_t waiting_line::sequence_of(const user_id& user) const {
  const auto number = index_of(user);
  return number ? full_sequence(at(*number)) : 0;
}

bool waiting_line::touch(const user_id& user, std::uint32_t now_s) {
  const auto number = index_of(user);
  if (number)
    at(*number).seen = now_s & ~leaving_bit;
  return number.has_value();
}

bool waiting_line::mark_leaving(const user_id& user, std::uint32_t now_s) {
  const auto number = index_of(user);
  if (number)
    at(*number).seen = now_s | leaving_bit;
  return number.has_value();
}

std::optional<std::uint32_t> waiting_line::leaving_since(const user_id& user) const {
  const auto number = index_of(user);
  if (!number || (at(*number).seen & leaving_bit) == 0)
    return std::nullopt;
  return at(*number).seen & ~leaving_bit;
}

bool waiting_line::erase(const user_id& user) {
  const auto number = index_of(user);
  if (!number)
    return false;
  index_erase(user);
  const auto i = *number / chunk_slots - base_;
  const auto place = *number % chunk_slots;
  auto& c = *chunks_[i];
  c.taken[place / 64] &= ~(std::uint64_t{1} << (place % 64));
  --c.count;
  add(i, ~std::uint32_t{0});
  --size_;
  if (c.count == 0) {
    chunks_[i].reset();
    --chunks_held_;
    trim();
  }
  const auto span = (chunks_.size() - head_) * chunk_slots;
  if (span > 2 * size_ + std::size_t{8} * chunk_slots)
    pack();
  return true;
}

void waiting_line::clear() {
  const auto last = last_sequence_;
  *this = waiting_line{};
  last_sequence_ = last;
}

std::vector<waiting_user> waiting_line::front(std::size_t count, std::uint64_t after) const {
  std::vector<waiting_user> out;
  out.reserve(std::min(count, size_));
  for (auto i = head_; i < chunks_.size() && out.size() < count; ++i) {
    if (!chunks_[i])
      continue;
    const auto& c = *chunks_[i];
    if (after > 0) {
      // The chunk's last user decides whether it is worth a look.
      std::size_t word = c.taken.size();
      while (word > 0 && c.taken[word - 1] == 0)
        --word;
      if (word == 0)
        continue;
      const auto place =
          word * 64 - 1 - static_cast<std::size_t>(std::countl_zero(c.taken[word - 1]));
      if (full_sequence(c.slots[place]) <= after)
        continue;
    }
    for (std::size_t word = 0; word < c.taken.size() && out.size() < count; ++word) {
      for (auto bits = c.taken[word]; bits != 0 && out.size() < count; bits &= bits - 1) {
        const auto& s = c.slots[word * 64 + static_cast<std::size_t>(std::countr_zero(bits))];
        if (const auto sequence = full_sequence(s); sequence > after)
          out.push_back({s.user, sequence});
      }
    }
  }
  return out;
}

std::vector<waiting_user> waiting_line::sweep(std::uint32_t before_s, std::size_t scan_max,
                                              std::size_t found_max) {
  std::vector<waiting_user> out;
  if (size_ == 0)
    return out;
  const auto first = (base_ + static_cast<std::uint32_t>(head_)) * chunk_slots;
  const auto end = (base_ + static_cast<std::uint32_t>(chunks_.size())) * chunk_slots;
  // Once round at most, or a user could be found twice.
  auto left = std::min(scan_max, static_cast<std::size_t>(end - first));
  while (left > 0 && out.size() < found_max) {
    if (cursor_ < first || cursor_ >= end)
      cursor_ = first;
    const auto place = cursor_ % chunk_slots;
    const auto& c = chunks_[cursor_ / chunk_slots - base_];
    if (!c || c->taken[place / 64] == 0) {
      const auto skip = static_cast<std::uint32_t>(
          std::min<std::size_t>(left, !c ? chunk_slots - place : 64 - place % 64));
      cursor_ += skip;
      left -= skip;
      continue;
    }
    const auto& s = c->slots[place];
    if ((c->taken[place / 64] >> (place % 64) & 1) != 0 && (s.seen & leaving_bit) == 0
        && s.seen < before_s)
      out.push_back({s.user, full_sequence(s)});
    ++cursor_;
    --left;
  }
  return out;
}

std::size_t waiting_line::bytes() const noexcept {
  std::size_t out =
      sizeof *this + chunks_held_ * sizeof(chunk) + chunks_.size() * sizeof(std::unique_ptr<chunk>)
      + tree_.capacity() * sizeof(std::uint32_t) + index_.capacity() * sizeof(index_table);
  for (const auto& table : index_)
    out += table.capacity * sizeof(std::uint32_t);
  return out;
}

} // namespace tiketi::queue
