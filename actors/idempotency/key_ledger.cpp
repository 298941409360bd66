#include "actors/idempotency/key_ledger.hpp"

#include <cassert>
#include <utility>

namespace tiketi::idempotency {

namespace {

/// Besides the body: keys, times, node of the map.
constexpr std::size_t entry_bytes = 256;

bool is_final(int status) {
  return status < 500 && status != 401 && status != 403 && status != 429;
}

const kept_answer& too_long() {
  static const kept_answer answer{
      409, "application/json",
      std::make_shared<const std::string>(
          R"({"code":"idempotency_answer_too_large","error":"The first request with this key )"
          R"(was answered; its answer was too long to be kept","message":"The first request )"
          R"(with this key was answered; its answer was too long to be kept"})")};
  return answer;
}

} // namespace

key_ledger::key_ledger(ledger_rules rules, std::uint64_t incarnation)
    : rules_(rules), incarnation_(incarnation) {}

void key_ledger::add_stored(const std::string& owner, std::size_t keys) {
  owners_[owner] += keys;
  total_ += keys;
}

void key_ledger::removed(const std::string& owner) {
  const auto found = owners_.find(owner);
  if (found == owners_.end())
    return;
  --total_;
  if (--found->second == 0)
    owners_.erase(found);
}

void key_ledger::recount(const std::unordered_map<std::string, std::size_t>& stored) {
  owners_ = stored;
  total_ = 0;
  for (const auto& entry : owners_)
    total_ += entry.second;
  // One whose answer has just been stored may be counted twice, until the next time.
  for (const auto& entry : running_)
    if (entry.second.counted && !entry.second.once) {
      ++owners_[entry.second.record.owner];
      ++total_;
    }
}

verdict key_ledger::begin(const claim& c, time_point now) {
  if (const auto found = running_.find(c.scope); found != running_.end())
    return found->second.record.fingerprint == c.fingerprint ? verdict::running : verdict::mismatch;
  if (const auto* known = recall(c.scope, now)) {
    if (known->fingerprint != c.fingerprint)
      return verdict::mismatch;
    answer_ = known->answer;
    return verdict::replay;
  }
  if (running_.size() >= rules_.running_max)
    return verdict::full;
  run r;
  r.record.scope = c.scope;
  r.record.owner = c.owner;
  r.record.fingerprint = c.fingerprint;
  r.record.incarnation = incarnation_;
  r.record.started_at = now;
  r.record.expires_at = now + rules_.retention;
  r.once = c.once;
  r.trusted = c.trusted;
  running_.emplace(c.scope, std::move(r));
  return verdict::look_up;
}

verdict key_ledger::looked_up(const digest& scope, const std::optional<key_record>& found,
                              time_point now) {
  const auto at = running_.find(scope);
  assert(at != running_.end());
  auto& r = at->second;
  if (found && found->expires_at > now) {
    const bool same = found->fingerprint == r.record.fingerprint;
    running_.erase(at);
    if (found->done)
      remember(scope, {found->fingerprint, found->expires_at, found->answer});
    if (!same)
      return verdict::mismatch;
    if (!found->done)
      return found->incarnation != incarnation_ && now - found->started_at < rules_.elsewhere
                 ? verdict::running
                 : verdict::interrupted;
    answer_ = found->answer;
    return verdict::replay;
  }
  // One that has expired is still there, and counted, until it is replaced or purged.
  if (!found) {
    const auto owned = owners_.find(r.record.owner);
    const auto keys = owned == owners_.end() ? 0 : owned->second;
    const bool is_owner_full = keys >= rules_.keys_per_owner && !r.trusted;
    if (is_owner_full || total_ >= rules_.keys_max) {
      running_.erase(at);
      return is_owner_full ? verdict::owner_full : verdict::full;
    }
    ++owners_[r.record.owner];
    ++total_;
    r.counted = true;
  }
  return r.once ? verdict::note : verdict::run;
}

void key_ledger::give_up(const digest& scope) {
  const auto at = running_.find(scope);
  if (at == running_.end())
    return;
  if (at->second.counted)
    removed(at->second.record.owner);
  running_.erase(at);
}

fate key_ledger::finish(const digest& scope, kept_answer answer) {
  const auto at = running_.find(scope);
  assert(at != running_.end());
  auto& r = at->second;
  if (is_final(answer.status)) {
    r.record.done = true;
    if (answer.body->size() > rules_.answer_bytes_max)
      answer = too_long();
    r.record.answer = std::move(answer);
    return fate::keep;
  }
  // A server's failure may hide an effect. Where a repeat is harmless it may run; otherwise what
  // was noted stays, and tells so.
  if (r.once && answer.status >= 500) {
    running_.erase(at);
    return fate::free;
  }
  const bool once = r.once;
  give_up(scope);
  return once ? fate::drop : fate::free;
}

const key_record& key_ledger::record(const digest& scope) const {
  return running_.at(scope).record;
}

void key_ledger::kept(const digest& scope, bool is_stored) {
  const auto at = running_.find(scope);
  assert(at != running_.end());
  auto& r = at->second;
  // What was noted is in the store even where its answer is not.
  if (!is_stored && r.counted && !r.once)
    removed(r.record.owner);
  remember(scope, {r.record.fingerprint, r.record.expires_at, r.record.answer});
  running_.erase(at);
}

void key_ledger::remember(const digest& scope, cached_answer entry) {
  const auto bytes = entry.answer.body->size() + entry_bytes;
  if (recent_bytes_ + bytes > rules_.cache_bytes / 2) {
    older_ = std::move(recent_);
    recent_.clear();
    recent_bytes_ = 0;
  }
  if (bytes > rules_.cache_bytes / 2)
    return;
  recent_bytes_ += bytes;
  recent_.insert_or_assign(scope, std::move(entry));
}

const key_ledger::cached_answer* key_ledger::recall(const digest& scope, time_point now) {
  auto found = recent_.find(scope);
  if (found == recent_.end()) {
    const auto old = older_.find(scope);
    if (old == older_.end())
      return nullptr;
    auto entry = std::move(old->second);
    older_.erase(old);
    remember(scope, std::move(entry));
    found = recent_.find(scope);
    if (found == recent_.end())
      return nullptr;
  }
  return found->second.expires_at > now ? &found->second : nullptr;
}

} // namespace tiketi::idempotency
