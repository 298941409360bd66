#pragma once

#include "storage/auth_store.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace tiketi::memory {

/// The auth store without a database, for tests and simulation. Thread-safe; `queries()` reads
/// what was committed.
class auth_store final : public auth::auth_writes {
public:
  std::vector<auth::auth_written> commit(std::vector<auth::auth_write>& batch) override;

  /// Lives as long as the store.
  std::unique_ptr<auth::auth_queries> queries();

  /// The next batch ends like this: `failed` writes nothing, `unknown` writes all.
  void next_commit(auth::auth_written ending);
  /// While false, queries fail with unavailable.
  void set_readable(bool readable);

  void remove_account(user_id id);

  std::size_t token_count() const;
  std::size_t live_sessions(user_id user) const;

private:
  class reader;

  struct token {
    uuid family;
    auth::stored_token state; ///< `revoked` is the family's
  };

  struct family {
    user_id user;
    time_point expires_at;
    bool revoked = false;
  };

  auth::auth_written apply(const auth::create_account& x);
  auth::auth_written apply(const auth::open_session& x);
  auth::auth_written apply(const auth::link_google& x);
  auth::auth_written apply(const auth::rotate_token& x);
  auth::auth_written apply(const auth::revoke_sessions& x);
  auth::auth_written apply(const auth::purge_expired& x);
  void store(const auth::issued_token& issued);

  mutable std::mutex mutex_;
  std::map<user_id, auth::account> accounts_;
  std::map<uuid, family> families_;
  std::map<std::string, token> tokens_;
  std::optional<auth::auth_written> ending_;
  bool readable_ = true;
};

} // namespace tiketi::memory
