#include "actors/auth/hasher.hpp"

namespace tiketi::auth {

hasher_actor::behavior_type hasher(hasher_actor::pointer, environment* env,
                                   argon2_options options) {
  return {
      [env, options](const hash_request& rq) -> caf::result<hashed_password> {
        auto phc = hash_password(rq.password, options, *env);
        if (!phc)
          return to_caf(phc.error());
        return hashed_password{std::move(*phc)};
      },
      [dummy = dummy_hash(options)](const check_request& rq) -> caf::result<password_verdict> {
        const auto matches = verify_password(rq.phc.empty() ? dummy : rq.phc, rq.password);
        if (!matches)
          return to_caf(matches.error());
        return password_verdict{*matches && !rq.phc.empty()};
      },
  };
}

} // namespace tiketi::auth
