#include "storage/memory/auth_store.hpp"

#include <algorithm>

namespace tiketi::memory {

using namespace auth;

class auth_store::reader final : public auth_queries {
public:
  explicit reader(const auth_store& store) : store_(store) {}

  result<std::optional<account>> find_account(user_id id) override {
    return find([&](const account& x) { return x.id == id; });
  }

  result<std::optional<account>> find_account(const std::string& email) override {
    return find([&](const account& x) { return x.email == email; });
  }

  result<std::optional<account>> find_google(const std::string& google_id) override {
    return find([&](const account& x) { return !google_id.empty() && x.google_id == google_id; });
  }

  result<std::vector<account>> find_accounts(const std::vector<user_id>& ids) override {
    const std::lock_guard lock{store_.mutex_};
    if (!store_.readable_)
      return errc::unavailable;
    std::vector<account> out;
    for (const auto& [id, x] : store_.accounts_)
      if (std::find(ids.begin(), ids.end(), id) != ids.end())
        out.push_back(x);
    return out;
  }

private:
  template <class Predicate>
  result<std::optional<account>> find(Predicate matches) const {
    const std::lock_guard lock{store_.mutex_};
    if (!store_.readable_)
      return errc::unavailable;
    for (const auto& [id, x] : store_.accounts_)
      if (matches(x))
        return std::optional<account>{x};
    return std::optional<account>{};
  }

  const auth_store& store_;
};

std::unique_ptr<auth_queries> auth_store::queries() {
  return std::make_unique<reader>(*this);
}

void auth_store::next_commit(auth_written ending) {
  const std::lock_guard lock{mutex_};
  ending_ = ending;
}

void auth_store::set_readable(bool readable) {
  const std::lock_guard lock{mutex_};
  readable_ = readable;
}

void auth_store::remove_account(user_id id) {
  const std::lock_guard lock{mutex_};
  accounts_.erase(id);
}

std::size_t auth_store::token_count() const {
  const std::lock_guard lock{mutex_};
  return tokens_.size();
}

std::size_t auth_store::live_sessions(user_id user) const {
  const std::lock_guard lock{mutex_};
  return static_cast<std::size_t>(
      std::count_if(families_.begin(), families_.end(),
                    [&](const auto& x) { return x.second.user == user && !x.second.revoked; }));
}

std::vector<auth_written> auth_store::commit(std::vector<auth_write>& batch) {
  const std::lock_guard lock{mutex_};
  const auto ending = std::exchange(ending_, std::nullopt);
  if (ending && ending->status == commit_status::failed)
    return std::vector<auth_written>(batch.size(), *ending);
  std::vector<auth_written> out;
  out.reserve(batch.size());
  for (const auto& write : batch)
    out.push_back(std::visit([this](const auto& x) { return apply(x); }, write.command));
  if (ending)
    std::fill(out.begin(), out.end(), *ending);
  return out;
}

void auth_store::store(const issued_token& issued) {
  token t;
  t.family = issued.family;
  t.state.expires_at = issued.expires_at;
  tokens_.emplace(issued.hash, t);
  auto& f = families_[issued.family];
  f.user = issued.user;
  f.expires_at = std::max(f.expires_at, issued.expires_at);
}

auth_written auth_store::apply(const create_account& x) {
  for (const auto& [id, other] : accounts_)
    if (other.email == x.user.email
        || (!x.user.google_id.empty() && other.google_id == x.user.google_id))
      return {commit_status::rejected, {}, 0};
  accounts_.emplace(x.user.id, x.user);
  if (x.session)
    store(*x.session);
  return {commit_status::committed, {}, 1};
}

auth_written auth_store::apply(const open_session& x) {
  if (accounts_.count(x.token.user) == 0)
    return {commit_status::failed, {}, 0}; // the database's foreign key
  store(x.token);
  return {commit_status::committed, {}, 1};
}

auth_written auth_store::apply(const link_google& x) {
  const auto found = accounts_.find(x.user);
  if (found == accounts_.end() || !found->second.google_id.empty())
    return {commit_status::rejected, {}, 0};
  for (const auto& [id, other] : accounts_)
    if (other.google_id == x.google_id)
      return {commit_status::rejected, {}, 0};
  found->second.google_id = x.google_id;
  store(x.session);
  return {commit_status::committed, {}, 1};
}

auth_written auth_store::apply(const rotate_token& x) {
  const auto found = tokens_.find(x.presented);
  std::optional<stored_token> state;
  if (found != tokens_.end() && found->second.family == x.next.family) {
    state = found->second.state;
    state->revoked = families_[x.next.family].revoked;
  }
  const auto verdict = judge(state, x.next.issued_at, x.rules);
  switch (verdict) {
  case refresh_verdict::rotate:
    found->second.state.rotated_at = x.next.issued_at;
    store(x.next);
    return {commit_status::committed, verdict, 1};
  case refresh_verdict::sibling:
    ++found->second.state.siblings;
    store(x.next);
    return {commit_status::committed, verdict, 1};
  case refresh_verdict::reuse: {
    const bool live = !std::exchange(families_[x.next.family].revoked, true);
    return {commit_status::committed, verdict, live ? 1 : 0};
  }
  case refresh_verdict::expired:
  case refresh_verdict::unknown:
    break;
  }
  return {commit_status::rejected, verdict, 0};
}

auth_written auth_store::apply(const revoke_sessions& x) {
  std::int64_t rows = 0;
  for (auto& [id, f] : families_) {
    const bool meant = (x.user && f.user == *x.user) || (x.family && id == *x.family);
    if (meant && !std::exchange(f.revoked, true))
      ++rows;
  }
  return {commit_status::committed, {}, rows};
}

auth_written auth_store::apply(const purge_expired& x) {
  std::int64_t rows = 0;
  std::int32_t left = x.limit;
  for (auto it = tokens_.begin(); it != tokens_.end() && left > 0;) {
    if (it->second.state.expires_at < x.before) {
      it = tokens_.erase(it);
      ++rows;
      --left;
    } else {
      ++it;
    }
  }
  left = x.limit;
  for (auto it = families_.begin(); it != families_.end() && left > 0;) {
    if (it->second.expires_at < x.before) {
      const auto gone = it->first;
      std::erase_if(tokens_, [&](const auto& t) { return t.second.family == gone; });
      it = families_.erase(it);
      ++rows;
      --left;
    } else {
      ++it;
    }
  }
  return {commit_status::committed, {}, rows};
}

} // namespace tiketi::memory
