#pragma once

#include "actors/auth/auth_actor.hpp"
#include "storage/memory/auth_store.hpp"
#include "tests/support/actor_fixture.hpp"

#include <memory>
#include <string>

namespace tiketi::test {

/// The auth role on one thread, with cheap hashes and the store in memory.
class auth_test : public actor_test {
protected:
  void SetUp() override {
    options.backoff = {.free_failures = 2,
                       .delay_first = seconds{1},
                       .delay_max = seconds{8},
                       .forget_after = seconds{60},
                       .parallel_max = 16,
                       .accounts_max = 100};
    options.hash_waiting_max = 8;
    start();
  }

  void TearDown() override { stop(); }

  void start() {
    writer = sys.spawn(tiketi::writer<auth::auth_write, auth::auth_written>, store,
                       writer_options{}, batch_observer{});
    reader = sys.spawn(auth::reader, std::shared_ptr<auth::auth_queries>(store->queries()),
                       std::size_t{100});
    for (int i = 0; i < 2; ++i)
      hashers.push_back(sys.spawn(auth::hasher, env.get(), auth::argon2_options{64, 1, 1}));
    role = sys.spawn(auth::auth, env.get(), &metrics, tokens, options,
                     auth::auth_neighbours{writer, reader, hashers});
    sched.run();
  }

  void stop() {
    const auto quit = caf::exit_reason::user_shutdown;
    self->send_exit(role, quit);
    self->send_exit(writer, quit);
    self->send_exit(reader, quit);
    for (const auto& x : hashers)
      self->send_exit(x, quit);
    role = nullptr;
    writer = nullptr;
    reader = nullptr;
    hashers.clear();
    sched.run();
  }

  result<auth::session> register_user(const std::string& email,
                                      const std::string& password = "password1") {
    return ask<auth::session>(role, auth::register_account{email, password, "Ada", "010"});
  }

  result<auth::login_outcome> log_in(const std::string& email,
                                     const std::string& password = "password1") {
    return ask<auth::login_outcome>(role, auth::login{email, password});
  }

  result<auth::session> refresh(const std::string& token) {
    return ask<auth::session>(role, auth::refresh_session{token});
  }

  prometheus::Registry registry;
  auth::auth_metrics metrics{registry};
  session_tokens tokens = session_tokens::make("a-test-secret-that-is-long-enough-").value();
  auth::auth_actor_options options;
  std::shared_ptr<memory::auth_store> store = std::make_shared<memory::auth_store>();
  auth::auth_writer writer;
  auth::auth_reader reader;
  std::vector<auth::hasher_actor> hashers;
  auth::auth_actor role;
};

} // namespace tiketi::test
