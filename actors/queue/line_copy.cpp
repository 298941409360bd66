#include "actors/queue/line_copy.hpp"

#include "actors/queue/waiting_room.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace tiketi::queue {

namespace {

/// Those remembered beyond the line's length before the gone ones are forgotten.
constexpr std::size_t spare_users = 1'024;
constexpr std::size_t elsewhere_max = 100'000;

std::vector<user_id> take_some(std::vector<user_id>& from, std::size_t max) {
  if (from.size() <= max)
    return std::exchange(from, {});
  const auto first = from.end() - static_cast<std::ptrdiff_t>(max);
  std::vector<user_id> out(first, from.end());
  from.erase(first, from.end());
  return out;
}

} // namespace

line_copy::knowledge line_copy::look(const user_id& user, time_point now) {
  const auto found = users_.find(user);
  if (found == users_.end())
    return elsewhere_.contains(user) ? knowledge::elsewhere : knowledge::unknown;
  auto& state = found->second;
  if (!ranks_.contains(state.sequence)) {
    // Newer than the copy, or gone: admitted, most likely.
    if (state.sequence <= ranks_.last())
      users_.erase(found);
    return knowledge::elsewhere;
  }
  if (leaving_.contains(state.sequence))
    return knowledge::elsewhere;
  if (now - state.told >= options_.tell_every) {
    state.told = now;
    seen_.push_back(user);
  }
  return knowledge::here;
}

queue_place line_copy::place_of(const user_id& user) const {
  queue_place out;
  const auto position = ranks_.rank(users_.at(user).sequence);
  out.place = static_cast<std::uint8_t>(place::waiting);
  out.threshold = threshold_;
  out.position = position;
  out.queue_size = ranks_.size();
  out.current_users = active_;
  out.estimated_wait = estimated_wait(position, figures_);
  out.next_poll = next_poll(position);
  return out;
}

void line_copy::wanted(const user_id& user) {
  wanted_.push_back(user);
}

void line_copy::learn(const user_id& user, const queue_place& place) {
  if (static_cast<queue::place>(place.place) == queue::place::waiting) {
    elsewhere_.erase(user); // its number comes with the next answer
    if (const auto found = users_.find(user);
        found != users_.end() && leaving_.contains(found->second.sequence))
      users_.erase(found);
    return;
  }
  users_.erase(user);
  if (elsewhere_.size() >= elsewhere_max)
    elsewhere_.clear();
  elsewhere_.insert(user);
}

follow_line line_copy::question() {
  asked_ = {event_, nonce_, changes_, take_some(seen_, options_.users_per_question),
            take_some(wanted_, options_.users_per_question)};
  return asked_;
}

void line_copy::lost() {
  ask_again();
  wanted_.clear();
}

void line_copy::ask_again() {
  std::move(asked_.seen.begin(), asked_.seen.end(), std::back_inserter(seen_));
  std::move(asked_.unknown.begin(), asked_.unknown.end(), std::back_inserter(wanted_));
  asked_ = {};
}

bool line_copy::take(const line_update& update, time_point now) {
  if (update.whole) {
    ++beginnings_;
    nonce_ = update.nonce;
    too_wide_ = update.too_wide;
    ranks_ = line_ranks{update.first_word, update.waiting};
    leaving_.clear();
    // A number may be somebody else's in another owner's time.
    users_.clear();
    elsewhere_.clear();
  } else if (update.nonce != nonce_ || update.changes != changes_ + update.log.size()) {
    nonce_ = 0;
    ask_again();
    return false;
  }
  for (const auto entry : update.log) {
    const auto sequence = entry >> 2;
    switch (static_cast<line_change>(entry & 3)) {
    case line_change::joined:
      too_wide_ = !ranks_.append(sequence) || too_wide_;
      break;
    case line_change::gone:
      ranks_.erase(sequence);
      leaving_.erase(sequence);
      break;
    case line_change::leaving:
      leaving_.insert(sequence);
      break;
    }
  }
  changes_ = update.changes;
  const auto count = std::min(update.places.size(), asked_.unknown.size());
  for (std::size_t i = 0; i < count; ++i)
    if (const auto sequence = update.places[i]; sequence != 0) {
      users_[asked_.unknown[i]] = {sequence, now};
      leaving_.erase(sequence); // the owner looked after it had said goodbye, if it ever did
    }
  asked_ = {};
  active_ = update.active;
  threshold_ = update.threshold;
  figures_ = {update.admitted, update.elapsed_ms};
  drop_gone();
  return true;
}

void line_copy::drop_gone() {
  if (users_.size() > 2 * ranks_.size() + spare_users)
    std::erase_if(users_, [&](const auto& one) { return !ranks_.contains(one.second.sequence); });
}

} // namespace tiketi::queue
