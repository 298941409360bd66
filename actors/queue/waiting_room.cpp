#include "actors/queue/waiting_room.hpp"

#include "actors/queue/line_ranks.hpp"

#include <algorithm>
#include <variant>

namespace tiketi::queue {

namespace {

constexpr std::size_t stale_batch_max = 1000;
constexpr std::size_t departures_max = 1000;
/// Told to another node at once: 8 MiB, 64 million places.
constexpr std::uint64_t words_told_max = 1'048'576;
static_assert(words_told_max <= line_ranks::range_max / 64);
constexpr std::size_t page_users = 65'536;
constexpr milliseconds purge_delay{5'000};
constexpr std::size_t sweep_min = 1024;
constexpr std::size_t sweep_max = 131'072;

std::uint32_t whole_seconds(milliseconds ms) {
  return static_cast<std::uint32_t>(std::chrono::ceil<seconds>(ms).count());
}

} // namespace

std::optional<user_id> locked_user(const journal_op& op) {
  return std::visit(
      [](const auto& x) -> std::optional<user_id> {
        using T = std::decay_t<decltype(x)>;
        if constexpr (
            std::is_same_v<
                T,
                set_limit> || std::is_same_v<T, clear_line> || std::is_same_v<T, purge_expired> || std::is_same_v<T, renew_slot>)
          return std::nullopt;
        else
          return x.user;
      },
      op);
}

waiting_room::waiting_room(room_rules rules, std::uint64_t nonce)
    : rules_(rules), threshold_(rules.threshold), log_(nonce), active_(rules.slots) {}

// -- what is true ------------------------------------------------------------------------------

place waiting_room::place_of(const user_id& user) const {
  if (line_.contains(user))
    return place::waiting;
  return active_.find(user) ? place::active : place::none;
}

std::optional<std::uint32_t> waiting_room::leaving_since(const user_id& user) const {
  if (auto since = line_.leaving_since(user))
    return since;
  const auto* slot = active_.find(user);
  return slot ? slot->leaving_since : std::nullopt;
}

bool waiting_room::leaving(const user_id& user) const {
  return leaving_since(user).has_value();
}

line_update waiting_room::tell(const follow_line& query, time_point now) {
  for (const auto& user : query.seen)
    if (!line_.leaving_since(user))
      touch(user, now);
  line_update out;
  out.places.reserve(query.unknown.size());
  for (const auto& user : query.unknown) {
    const bool waits = !busy(user) && line_.contains(user) && !line_.leaving_since(user);
    out.places.push_back(waits ? line_.sequence_of(user) : 0);
    if (waits)
      touch(user, now);
  }
  out.nonce = log_.nonce();
  out.whole = !log_.since(query.nonce, query.since, out.log);
  if (out.whole)
    tell_whole(out);
  log_.followed();
  out.changes = log_.changes();
  out.active = active_.size();
  out.threshold = threshold_;
  const auto figures = rate_.figures(now);
  out.admitted = figures.admitted;
  out.elapsed_ms = figures.elapsed_ms;
  return out;
}

void waiting_room::tell_whole(line_update& out) const {
  const auto first = line_.front(1);
  if (first.empty())
    return;
  out.first_word = first.front().sequence / 64;
  const auto words = line_.last_sequence() / 64 - out.first_word + 1;
  if (words > words_told_max) {
    out.too_wide = true;
    return;
  }
  out.waiting.assign(static_cast<std::size_t>(words), 0);
  std::uint64_t after = 0;
  for (auto page = line_.front(page_users, after); !page.empty();
       page = line_.front(page_users, after)) {
    for (const auto& one : page)
      out.waiting[static_cast<std::size_t>(one.sequence / 64 - out.first_word)] |=
          std::uint64_t{1} << (one.sequence % 64);
    after = page.back().sequence;
  }
  for (const auto& [since_s, user] : goodbyes_)
    if (line_.leaving_since(user))
      out.log.push_back(encode(line_change::leaving, line_.sequence_of(user)));
}

bool waiting_room::empty() const noexcept {
  return line_.empty() && active_.size() == 0 && goodbyes_.empty() && busy_.empty() && !purge_at_;
}

// -- decisions ---------------------------------------------------------------------------------

result<journal_op> waiting_room::decide_enter(const user_id& user, time_point now, bool open) {
  if (open && line_.empty() && joining_ == 0 && active_.size() + admitting_ < threshold_) {
    const auto ends_at = now + rules_.slots.session_max;
    return journal_op{admit_user{user, 0, std::min(now + rules_.slots.ttl, ends_at), ends_at,
                                 ghosts_.contains(user)}};
  }
  if (line_.size() + joining_ >= std::min(rules_.line_max, waiting_line::size_max))
    return failure{errc::overloaded, "The waiting line of this event is full. Please retry."};
  return journal_op{join_line{user, ++sequence_, ghosts_.contains(user)}};
}

std::vector<journal_op> waiting_room::decide_admissions(time_point now, std::size_t count_max) {
  std::vector<journal_op> out;
  const auto taken = active_.size() + admitting_;
  if (admitting_from_line_ != 0 || line_.empty() || taken >= threshold_)
    return out;
  const auto ends_at = now + rules_.slots.session_max;
  const auto expires_at = std::min(now + rules_.slots.ttl, ends_at);
  const auto room = std::min<std::size_t>(threshold_ - taken, count_max);
  for (const auto& next : line_.front(room)) {
    // Nobody overtakes a user who is about to leave: the batch ends here.
    if (busy(next.user))
      break;
    out.emplace_back(admit_user{next.user, next.sequence, expires_at, ends_at, false});
  }
  return out;
}

std::vector<journal_op> waiting_room::decide_departures(time_point now) {
  std::vector<journal_op> out;
  std::vector<goodbye> later;
  const auto grace = whole_seconds(rules_.leave_grace);
  const auto now_s = line_seconds(now);
  while (out.size() < departures_max && !goodbyes_.empty()
         && goodbyes_.front().since_s + grace <= now_s) {
    const auto due = goodbyes_.front();
    goodbyes_.pop_front();
    if (busy(due.user)) {
      later.push_back(due);
      continue;
    }
    const auto where = place_of(due.user);
    if (where == place::none)
      out.emplace_back(unmark_leaving{due.user}); // the slot ran out meanwhile
    else if (leaving_since(due.user) != due.since_s)
      continue; // came back
    else if (where == place::waiting)
      out.emplace_back(drop_waiting{due.user, line_.sequence_of(due.user), true});
    else
      out.emplace_back(drop_active{due.user, true});
  }
  goodbyes_.insert(goodbyes_.begin(), later.begin(), later.end());
  return out;
}

std::vector<journal_op> waiting_room::decide_stale(time_point now) {
  std::vector<journal_op> out;
  const auto scan = std::clamp(line_.size() / 15, sweep_min, sweep_max);
  for (const auto& gone : line_.sweep(line_seconds(now - rules_.seen_ttl), scan, stale_batch_max))
    if (!busy(gone.user))
      out.emplace_back(drop_waiting{gone.user, gone.sequence, false});
  return out;
}

std::optional<journal_op> waiting_room::decide_leave(const user_id& user, time_point now) const {
  if (place_of(user) == place::none || leaving(user))
    return std::nullopt;
  return mark_leaving{user, line_seconds(now)};
}

std::optional<journal_op> waiting_room::decide_release(const user_id& user) const {
  if (place_of(user) != place::active)
    return std::nullopt;
  return drop_active{user, leaving(user)};
}

std::optional<journal_op> waiting_room::decide_renewal(const user_id& user, time_point now) {
  if (const auto until = active_.renew(user, now))
    return renew_slot{user, *until};
  return std::nullopt;
}

std::optional<journal_op> waiting_room::decide_purge(time_point now) {
  if (!purge_at_ || now < *purge_at_)
    return std::nullopt;
  purge_at_.reset();
  return purge_expired{last_expired_};
}

std::size_t waiting_room::expire(time_point now) {
  const auto gone = active_.expire(now);
  if (gone.count > 0) {
    last_expired_ = std::max(last_expired_, now);
    if (!purge_at_)
      purge_at_ = now + purge_delay;
    ghosts_.insert(gone.leaving.begin(), gone.leaving.end());
  }
  return gone.count;
}

// -- what became of them -----------------------------------------------------------------------

void waiting_room::begin(const journal_op& op) {
  if (const auto user = locked_user(op))
    ++busy_[*user];
  if (std::holds_alternative<join_line>(op)) {
    ++joining_;
  } else if (const auto* admit = std::get_if<admit_user>(&op)) {
    ++admitting_;
    admitting_from_line_ += admit->sequence != 0 ? 1 : 0;
  }
}

void waiting_room::end(const journal_op& op) {
  if (const auto user = locked_user(op)) {
    const auto found = busy_.find(*user);
    if (found != busy_.end() && --found->second == 0)
      busy_.erase(found);
  }
  if (std::holds_alternative<join_line>(op)) {
    --joining_;
  } else if (const auto* admit = std::get_if<admit_user>(&op)) {
    --admitting_;
    admitting_from_line_ -= admit->sequence != 0 ? 1 : 0;
  }
}

bool waiting_room::apply(const journal_op& op, time_point now) {
  end(op);
  return std::visit(
      [&](const auto& x) {
        using T = std::decay_t<decltype(x)>;
        if constexpr (std::is_same_v<T, join_line>) {
          ghosts_.erase(x.user);
          if (!line_.push_back(x.user, x.sequence, line_seconds(now)))
            return false;
          log_.add(line_change::joined, x.sequence);
        } else if constexpr (std::is_same_v<T, admit_user>) {
          ghosts_.erase(x.user);
          const auto since = x.unmark ? std::nullopt : leaving_since(x.user);
          if (x.sequence != 0) {
            if (line_.sequence_of(x.user) != x.sequence)
              return false;
            line_.erase(x.user);
            log_.add(line_change::gone, x.sequence);
            rate_.record(1, now);
          }
          active_.admit(x.user, x.expires_at, x.ends_at);
          active_.mark_leaving(x.user, since);
        } else if constexpr (std::is_same_v<T, renew_slot>) {
          active_.renewed(x.user, x.expires_at);
        } else if constexpr (std::is_same_v<T, mark_leaving>) {
          if (line_.mark_leaving(x.user, x.since_s))
            log_.add(line_change::leaving, line_.sequence_of(x.user));
          else
            active_.mark_leaving(x.user, x.since_s);
          goodbyes_.push_back({x.since_s, x.user});
        } else if constexpr (std::is_same_v<T, unmark_leaving>) {
          ghosts_.erase(x.user);
          if (!line_.touch(x.user, line_seconds(now)))
            active_.mark_leaving(x.user, std::nullopt);
        } else if constexpr (std::is_same_v<T, drop_waiting>) {
          // A row of the journal that never came into the line carries another number.
          if (line_.sequence_of(x.user) == x.sequence && line_.erase(x.user))
            log_.add(line_change::gone, x.sequence);
        } else if constexpr (std::is_same_v<T, drop_active>) {
          active_.erase(x.user);
        } else if constexpr (std::is_same_v<T, set_limit>) {
          threshold_ = x.threshold;
        } else if constexpr (std::is_same_v<T, clear_line>) {
          line_.clear();
          log_.restart();
          active_.clear();
          goodbyes_.clear();
          ghosts_.clear();
          purge_at_.reset();
        }
        return true;
      },
      op);
}

void waiting_room::abandon(const journal_op& op) {
  end(op);
  const auto try_departure_again = [this](const user_id& user) {
    if (const auto since = leaving_since(user))
      goodbyes_.push_front({*since, user});
    else if (place_of(user) == place::none)
      goodbyes_.push_front({0, user});
  };
  if (const auto* renewal = std::get_if<renew_slot>(&op)) {
    active_.renewal_failed(renewal->user);
  } else if (const auto* drop = std::get_if<drop_waiting>(&op)) {
    if (drop->leaving)
      try_departure_again(drop->user);
  } else if (const auto* release = std::get_if<drop_active>(&op)) {
    if (release->leaving)
      try_departure_again(release->user);
  } else if (const auto* unmark = std::get_if<unmark_leaving>(&op)) {
    if (place_of(unmark->user) == place::none)
      try_departure_again(unmark->user);
  } else if (const auto* purge = std::get_if<purge_expired>(&op)) {
    if (!purge_at_)
      purge_at_ = purge->before + purge_delay;
  }
}

// -- restart -----------------------------------------------------------------------------------

void waiting_room::reset() {
  sequence_ = std::max(sequence_, line_.last_sequence());
  threshold_ = rules_.threshold;
  line_ = waiting_line{};
  log_.restart();
  active_.clear();
  goodbyes_.clear();
  ghosts_.clear();
  busy_.clear();
  joining_ = 0;
  admitting_ = 0;
  admitting_from_line_ = 0;
  purge_at_.reset();
}

std::vector<journal_op> waiting_room::restore(const queue_page& page, time_point now) {
  std::vector<journal_op> trash;
  const auto now_s = line_seconds(now);
  for (const auto& row : page.waiting)
    if (!line_.push_back(row.user, row.sequence, now_s))
      trash.emplace_back(drop_waiting{row.user, row.sequence, false});
  sequence_ = std::max(sequence_, line_.last_sequence());
  if (page.threshold != 0)
    threshold_ = page.threshold;
  for (const auto& row : page.active) {
    if (row.expires_at > now) {
      active_.admit(row.user, row.expires_at, row.ends_at);
    } else {
      last_expired_ = now;
      purge_at_ = now + purge_delay;
    }
  }
  for (const auto& row : page.leaving)
    goodbyes_.push_back({row.since_s, row.user});
  return trash;
}

void waiting_room::restored() {
  std::sort(goodbyes_.begin(), goodbyes_.end(),
            [](const goodbye& a, const goodbye& b) { return a.since_s < b.since_s; });
  for (const auto& [since_s, user] : goodbyes_) {
    if (line_.mark_leaving(user, since_s))
      continue;
    if (active_.find(user))
      active_.mark_leaving(user, since_s);
    else
      ghosts_.insert(user);
  }
}

} // namespace tiketi::queue
