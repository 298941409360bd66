#include "actors/auth/auth_actor.hpp"

#include "actors/auth/token_hash.hpp"

#include <algorithm>

#include <caf/typed_response_promise.hpp>
#include <spdlog/spdlog.h>

namespace tiketi::auth {

namespace {

using self_ptr = auth_actor::stateful_pointer<auth_state>;

user_view view_of(const account& x) {
  return {x.id, x.email, x.name, x.role, x.created_at};
}

/// Tokens that are signed but not stored yet: handed out only after the commit.
struct prepared_session {
  session answer;
  issued_token stored;
};

prepared_session prepare(const auth_state& state, const user_view& user, const uuid& family) {
  // Tokens count whole seconds; the store must not keep one longer than its signature holds.
  const auto now = state.env->now();
  const auto second = std::chrono::floor<seconds>(now);
  prepared_session out;
  out.answer.user = user;
  out.answer.access_token = state.tokens->sign(
      access_claims{user.id, user.email, user.role, second, second + state.options.access_ttl});
  const auto expires = second + state.options.refresh_ttl;
  out.answer.refresh_token =
      state.tokens->sign(refresh_claims{user.id, family, make_uuid(*state.env), second, expires});
  out.stored = {token_hash(out.answer.refresh_token), user.id, family, now, expires};
  return out;
}

/// Why a write has not succeeded; nothing when it has.
std::optional<failure> refusal(const auth_written& written, errc rejected) {
  switch (written.status) {
  case commit_status::committed:
    return std::nullopt;
  case commit_status::rejected:
    return failure{rejected};
  case commit_status::unknown:
    return failure{errc::unavailable, "Whether this was done is not known yet. Please try again."};
  case commit_status::failed:
    break;
  }
  return failure{errc::unavailable};
}

/// Asks the hasher with the least to do. `done` gets the reply, `fail` everything else; one of
/// them is called, once.
template <class Reply, class Request, class Done, class Fail>
void ask_hasher(self_ptr self, Request rq, Done done, Fail fail) {
  auto& state = self->state;
  if (state.hashing_total >= state.options.hash_waiting_max) {
    state.metrics->hashes_refused.Increment();
    fail(failure{errc::overloaded});
    return;
  }
  const auto least = std::min_element(state.hashing.begin(), state.hashing.end());
  const auto index = static_cast<std::size_t>(least - state.hashing.begin());
  ++*least;
  ++state.hashing_total;
  state.metrics->hash_queue.Increment();
  const auto ended = [self, index] {
    --self->state.hashing[index];
    --self->state.hashing_total;
    self->state.metrics->hash_queue.Decrement();
  };
  self->request(state.neighbours.hashers[index], caf::infinite, std::move(rq))
      .then(
          [ended, done](Reply& reply) mutable {
            ended();
            done(reply);
          },
          [ended, fail](caf::error& err) mutable {
            ended();
            fail(to_failure(err));
          });
}

template <class Key, class Done, class Fail>
void ask_reader(self_ptr self, Key key, Done done, Fail fail) {
  self->request(self->state.neighbours.reader, caf::infinite, std::move(key))
      .then([done](found_account& found) mutable { done(found.row); },
            [fail](caf::error& err) mutable { fail(to_failure(err)); });
}

template <class Done, class Fail>
void ask_writer(self_ptr self, auth_write write, Done done, Fail fail) {
  self->request(self->state.neighbours.writer, caf::infinite, std::move(write))
      .then([done](auth_written& written) mutable { done(written); },
            [fail](caf::error& err) mutable { fail(to_failure(err)); });
}

// -- register ------------------------------------------------------------------------------------

caf::result<session> handle(self_ptr self, register_account& cmd) {
  auto promise = self->make_response_promise<session>();
  if (const auto problems = problems_of(cmd); !problems.empty()) {
    promise.deliver(to_caf({errc::invalid_request, problems.front().text}));
    return promise;
  }
  auto fail = [promise](const failure& f) mutable { promise.deliver(to_caf(f)); };
  hash_request rq{std::move(cmd.password)};
  ask_hasher<hashed_password>(
      self, std::move(rq),
      [self, promise, fail, cmd](hashed_password& hashed) mutable {
        auto& state = self->state;
        account user{user_id{make_uuid(*state.env)},
                     normalise_email(cmd.email),
                     std::move(hashed.phc),
                     cmd.name,
                     cmd.phone,
                     "user",
                     state.env->now()};
        auto opened = prepare(state, view_of(user), make_uuid(*state.env));
        ask_writer(
            self, auth_write{create_account{std::move(user), opened.stored}},
            [self, promise, answer = opened.answer](const auth_written& written) mutable {
              if (written.status == commit_status::rejected) {
                promise.deliver(
                    to_caf({errc::conflict, "Registration failed. Please try again or login."}));
              } else if (const auto why = refusal(written, errc::conflict)) {
                promise.deliver(to_caf(*why));
              } else {
                self->state.metrics->registrations.Increment();
                promise.deliver(std::move(answer));
              }
            },
            fail);
      },
      fail);
  return promise;
}

// -- login ---------------------------------------------------------------------------------------

caf::result<login_outcome> handle(self_ptr self, login& cmd) {
  auto promise = self->make_response_promise<login_outcome>();
  if (const auto problems = problems_of(cmd); !problems.empty()) {
    promise.deliver(to_caf({errc::invalid_request, problems.front().text}));
    return promise;
  }
  const auto email = normalise_email(cmd.email);
  auto& state = self->state;
  if (const auto wait = state.backoff->begin(email, state.env->now())) {
    state.metrics->logins_throttled.Increment();
    promise.deliver(login_outcome{std::nullopt, *wait});
    return promise;
  }
  auto fail = [self, promise, email](const failure& f) mutable {
    self->state.backoff->abandoned(email);
    promise.deliver(to_caf(f));
  };
  auto refuse = [self, promise, email]() mutable {
    self->state.backoff->failed(email, self->state.env->now());
    self->state.metrics->logins_refused.Increment();
    promise.deliver(to_caf(errc::invalid_credentials));
  };
  auto open = [self, promise, email, fail](const account& user) mutable {
    self->state.backoff->succeeded(email);
    auto fail_only = [promise](const failure& f) mutable { promise.deliver(to_caf(f)); };
    auto opened = prepare(self->state, view_of(user), make_uuid(*self->state.env));
    ask_writer(
        self, auth_write{open_session{opened.stored}},
        [self, promise, answer = opened.answer](const auth_written& written) mutable {
          if (const auto why = refusal(written, errc::invalid_credentials)) {
            promise.deliver(to_caf(*why));
          } else {
            self->state.metrics->logins.Increment();
            promise.deliver(login_outcome{std::move(answer), {}});
          }
        },
        fail_only);
  };
  ask_reader(
      self, find_by_email{email},
      [self, fail, refuse, open,
       password = std::move(cmd.password)](const std::optional<account>& found) mutable {
        check_request rq{found ? found->password_hash : std::string{}, std::move(password)};
        ask_hasher<password_verdict>(
            self, std::move(rq),
            [refuse, open, found](const password_verdict& verdict) mutable {
              if (verdict.matches && found)
                open(*found);
              else
                refuse();
            },
            fail);
      },
      fail);
  return promise;
}

// -- login through Google ------------------------------------------------------------------------

/// A name for an account that brings none of its own that could be stored.
std::string name_of(const google_identity& who) {
  std::string out;
  std::size_t characters = 0;
  for (const char c : who.name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f)
      continue;
    if ((byte & 0xc0) != 0x80 && ++characters > name_characters_max)
      break;
    out += c;
  }
  if (out.find_first_not_of(' ') == std::string::npos)
    out = who.email.substr(0, name_characters_max);
  return out;
}

using google_promise = caf::typed_response_promise<google_session>;

void refuse(google_promise promise, const failure& why) {
  promise.deliver(to_caf(why));
}

/// The account is looked for by Google's name for its owner first: an address can change hands.
/// `retries`: another login of the same person may have been first with the account.
void find_or_create(self_ptr self, const google_promise& promise, const google_identity& who,
                    int retries);

/// `write` ends with this session stored.
void open_with(self_ptr self, const google_promise& promise, const google_identity& who,
               int retries, session answer, auth_write write) {
  ask_writer(
      self, std::move(write),
      [self, promise, who, retries, answer](const auth_written& written) {
        if (written.status == commit_status::rejected && retries > 0)
          return find_or_create(self, promise, who, retries - 1);
        if (const auto why = refusal(written, errc::conflict))
          return refuse(promise, *why);
        self->state.metrics->logins.Increment();
        auto to = promise;
        to.deliver(google_session{answer, who.picture});
      },
      [promise](const failure& f) { refuse(promise, f); });
}

void create_for_google(self_ptr self, const google_promise& promise, const google_identity& who,
                       int retries) {
  auto& state = self->state;
  account user{user_id{make_uuid(*state.env)},
               who.email,
               std::string{},
               name_of(who),
               std::string{},
               "user",
               state.env->now(),
               who.subject};
  auto opened = prepare(state, view_of(user), make_uuid(*state.env));
  open_with(self, promise, who, retries, std::move(opened.answer),
            auth_write{create_account{std::move(user), opened.stored}});
}

void link_or_create(self_ptr self, const google_promise& promise, const google_identity& who,
                    int retries) {
  ask_reader(
      self, find_by_email{who.email},
      [self, promise, who, retries](const std::optional<account>& found) {
        if (!found)
          return create_for_google(self, promise, who, retries);
        if (!found->google_id.empty())
          return refuse(
              promise,
              {errc::conflict, "The account with this e-mail belongs to another Google account"});
        auto& state = self->state;
        auto opened = prepare(state, view_of(*found), make_uuid(*state.env));
        open_with(self, promise, who, retries, std::move(opened.answer),
                  auth_write{link_google{found->id, who.subject, opened.stored}});
      },
      [promise](const failure& f) { refuse(promise, f); });
}

void find_or_create(self_ptr self, const google_promise& promise, const google_identity& who,
                    int retries) {
  ask_reader(
      self, find_by_google{who.subject},
      [self, promise, who, retries](const std::optional<account>& found) {
        if (!found)
          return link_or_create(self, promise, who, retries);
        auto opened = prepare(self->state, view_of(*found), make_uuid(*self->state.env));
        open_with(self, promise, who, 0, std::move(opened.answer),
                  auth_write{open_session{opened.stored}});
      },
      [promise](const failure& f) { refuse(promise, f); });
}

caf::result<google_session> handle(self_ptr self, google_login& cmd) {
  auto& state = self->state;
  if (!state.neighbours.google)
    return to_caf({errc::invalid_request, "GOOGLE_CLIENT_ID is not configured"});
  auto promise = self->make_response_promise<google_session>();
  self->request(state.neighbours.google, caf::infinite,
                verify_google{std::move(cmd.credential), std::move(cmd.trace)})
      .then(
          [self, promise](const google_identity& who) {
            // Whoever has not shown that the address is theirs gets no account with it.
            if (!who.email_verified)
              return refuse(promise,
                            {errc::invalid_request, "Google has not verified this e-mail address"});
            find_or_create(self, promise, who, 1);
          },
          [self, promise](const caf::error& err) {
            self->state.metrics->logins_refused.Increment();
            refuse(promise, to_failure(err));
          });
  return promise;
}

// -- refresh -------------------------------------------------------------------------------------

caf::result<session> handle(self_ptr self, refresh_session& cmd) {
  auto promise = self->make_response_promise<session>();
  auto& state = self->state;
  auto invalid = [self, promise](std::string text) mutable {
    self->state.metrics->refresh_refused.Increment();
    promise.deliver(to_caf({errc::invalid_request, std::move(text)}));
  };
  if (cmd.refresh_token.empty()) {
    invalid("Refresh token is required");
    return promise;
  }
  const auto claims = state.tokens->verify_refresh(cmd.refresh_token, state.env->now());
  if (!claims) {
    invalid("Invalid or expired refresh token");
    return promise;
  }
  auto fail = [promise](const failure& f) mutable { promise.deliver(to_caf(f)); };
  ask_reader(
      self, find_by_id{claims->user},
      [self, promise, fail, invalid, family = claims->family,
       presented = token_hash(cmd.refresh_token)](const std::optional<account>& user) mutable {
        if (!user)
          return invalid("User not found");
        auto next = prepare(self->state, view_of(*user), family);
        ask_writer(
            self,
            auth_write{
                rotate_token{std::move(presented), next.stored, self->state.options.rotation}},
            [self, promise, invalid, answer = next.answer](const auth_written& written) mutable {
              auto& metrics = *self->state.metrics;
              if (written.status == commit_status::rejected)
                return invalid("Invalid or expired refresh token");
              if (const auto why = refusal(written, errc::invalid_request)) {
                promise.deliver(to_caf(*why));
                return;
              }
              if (written.verdict == refresh_verdict::reuse) {
                metrics.reused.Increment();
                spdlog::warn("auth: a spent refresh token was used again; session of user {} ended",
                             to_string(answer.user.id));
                promise.deliver(to_caf(errc::token_reused));
                return;
              }
              (written.verdict == refresh_verdict::rotate ? metrics.rotated : metrics.siblings)
                  .Increment();
              promise.deliver(std::move(answer));
            },
            fail);
      },
      fail);
  return promise;
}

// -- logout, queries -----------------------------------------------------------------------------

caf::result<logged_out> handle(self_ptr self, const logout& cmd) {
  auto promise = self->make_response_promise<logged_out>();
  auto& state = self->state;
  const auto now = state.env->now();
  revoke_sessions write{cmd.user, std::nullopt, now};
  if (const auto claims = state.tokens->verify_refresh(cmd.refresh_token, now))
    write.family = claims->family;
  if (!write.user && !write.family) {
    promise.deliver(logged_out{});
    return promise;
  }
  ask_writer(
      self, auth_write{write},
      [self, promise](const auth_written& written) mutable {
        if (const auto why = refusal(written, errc::internal)) {
          promise.deliver(to_caf(*why));
          return;
        }
        self->state.metrics->logouts.Increment(static_cast<double>(written.rows));
        promise.deliver(logged_out{written.rows});
      },
      [promise](const failure& f) mutable { promise.deliver(to_caf(f)); });
  return promise;
}

caf::result<user_view> find_user(self_ptr self, user_id id, failure missing) {
  auto promise = self->make_response_promise<user_view>();
  ask_reader(
      self, find_by_id{id},
      [promise, missing](const std::optional<account>& found) mutable {
        if (found)
          promise.deliver(view_of(*found));
        else
          promise.deliver(to_caf(missing));
      },
      [promise](const failure& f) mutable { promise.deliver(to_caf(f)); });
  return promise;
}

caf::result<user_list> handle(self_ptr self, const get_users& query) {
  constexpr std::size_t ids_max = 1000;
  if (query.ids.size() > ids_max)
    return to_caf(errc::invalid_request);
  auto promise = self->make_response_promise<user_list>();
  self->request(self->state.neighbours.reader, caf::infinite, find_by_ids{query.ids})
      .then(
          [promise](const found_accounts& found) mutable {
            user_list out;
            for (const auto& row : found.rows)
              out.users.push_back(view_of(row));
            promise.deliver(std::move(out));
          },
          [promise](caf::error& err) mutable { promise.deliver(std::move(err)); });
  return promise;
}

caf::result<user_view> handle(self_ptr self, const verify_token& query) {
  const auto claims = self->state.tokens->verify_access(query.token, self->state.env->now());
  if (!claims)
    return to_caf({errc::invalid_request, "Invalid or expired token"});
  return find_user(self, claims->user, {errc::invalid_request, "User not found"});
}

// -- start and housekeeping ----------------------------------------------------------------------

caf::result<ensured> handle(self_ptr self, const ensure_user& cmd) {
  auto promise = self->make_response_promise<ensured>();
  auto problems = problems_of(register_account{cmd.email, cmd.password, cmd.name, {}});
  if (cmd.role != "user" && cmd.role != "admin")
    problems.push_back({"role", "must be user or admin"});
  if (!problems.empty()) {
    promise.deliver(
        to_caf({errc::invalid_request, problems.front().field + ": " + problems.front().text}));
    return promise;
  }
  auto fail = [promise](const failure& f) mutable { promise.deliver(to_caf(f)); };
  const auto email = normalise_email(cmd.email);
  auto create = [self, promise, fail, cmd, email](hashed_password& hashed) mutable {
    account user{user_id{make_uuid(*self->state.env)},
                 email,
                 std::move(hashed.phc),
                 cmd.name,
                 std::string{},
                 cmd.role,
                 self->state.env->now()};
    const ensured answer{user.id, true, user.role};
    ask_writer(
        self, auth_write{create_account{std::move(user), std::nullopt}},
        [self, promise, fail, answer, email](const auth_written& written) mutable {
          const auto why = refusal(written, errc::conflict);
          if (!why) {
            promise.deliver(answer);
            return;
          }
          if (why->code != errc::conflict) {
            promise.deliver(to_caf(*why));
            return;
          }
          // Another node was first: its account is the one.
          ask_reader(
              self, find_by_email{email},
              [promise](const std::optional<account>& found) mutable {
                if (found)
                  promise.deliver(ensured{found->id, false, found->role});
                else
                  promise.deliver(to_caf(errc::conflict));
              },
              fail);
        },
        fail);
  };
  ask_reader(
      self, find_by_email{email},
      [self, promise, fail, create,
       password = cmd.password](const std::optional<account>& found) mutable {
        if (found) {
          promise.deliver(ensured{found->id, false, found->role});
          return;
        }
        ask_hasher<hashed_password>(self, hash_request{std::move(password)}, create, fail);
      },
      fail);
  return promise;
}

void purge(self_ptr self) {
  const auto& options = self->state.options;
  const auto again = [self](bool more) {
    self->delayed_send(self, more ? seconds{1} : self->state.options.purge_interval, purge_tick{});
  };
  ask_writer(
      self, auth_write{purge_expired{self->state.env->now(), options.purge_limit}},
      [self, again, limit = options.purge_limit](const auth_written& written) {
        self->state.metrics->purged.Increment(static_cast<double>(written.rows));
        again(written.rows >= limit);
      },
      [again](const failure& f) {
        spdlog::warn("auth: expired sessions were not removed: {}", f.text);
        again(false);
      });
}

} // namespace

auth_actor::behavior_type auth(self_ptr self, environment* env, auth_metrics* metrics,
                               session_tokens tokens, auth_actor_options options,
                               auth_neighbours neighbours) {
  auto& state = self->state;
  state.env = env;
  state.metrics = metrics;
  state.tokens = std::make_shared<const session_tokens>(std::move(tokens));
  state.options = options;
  state.neighbours = std::move(neighbours);
  state.backoff = std::make_unique<login_backoff>(options.backoff);
  state.hashing.resize(state.neighbours.hashers.size());
  self->delayed_send(self, options.purge_interval, purge_tick{});
  return {
      [self](register_account& cmd) { return handle(self, cmd); },
      [self](login& cmd) { return handle(self, cmd); },
      [self](refresh_session& cmd) { return handle(self, cmd); },
      [self](const logout& cmd) { return handle(self, cmd); },
      [self](const get_user& query) { return find_user(self, query.id, errc::not_found); },
      [self](const verify_token& query) { return handle(self, query); },
      [self](const get_users& query) { return handle(self, query); },
      [self](google_login& cmd) { return handle(self, cmd); },
      [self](const ensure_user& cmd) { return handle(self, cmd); },
      [self](purge_tick) { purge(self); },
  };
}

} // namespace tiketi::auth
