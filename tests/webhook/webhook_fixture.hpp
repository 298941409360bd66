#pragma once

#include "actors/webhook/role.hpp"
#include "net/client/curl_transport.hpp"
#include "storage/memory/webhook_store.hpp"
#include "tests/support/actor_fixture.hpp"
#include "tests/support/local_server.hpp"
#include "tests/support/paced_transport.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace tiketi::test {

/// A real HTTP server that remembers what it was sent and answers as it is told.
class receiver {
public:
  using behaviour = std::function<local_reply(const local_request&)>;

  void behave(behaviour how) {
    const std::lock_guard lock{mutex_};
    how_ = std::move(how);
  }

  std::vector<local_request> seen() const {
    const std::lock_guard lock{mutex_};
    return seen_;
  }
  std::size_t count() const { return seen().size(); }
  std::string url() const { return server_.url() + "/hook"; }
  std::size_t connections() const { return server_.connections(); }

private:
  mutable std::mutex mutex_;
  std::vector<local_request> seen_;
  behaviour how_ = [](const local_request&) { return local_reply{204, "", {}}; };
  local_server server_{[this](const local_request& r) {
    const std::lock_guard lock{mutex_};
    seen_.push_back(r);
    return how_(r);
  }};
};

/// The webhook role on one thread, with virtual time, real calls and the store in memory.
class webhook_test : public actor_test {
protected:
  webhook_test() {
    options.detached = false;
    options.attempt_timeout = milliseconds{300};
    options.retry = {.attempts_max = 4,
                     .wait_first = milliseconds{1000},
                     .wait_max = milliseconds{4000},
                     .age_max = std::chrono::hours{1},
                     .hold = milliseconds{10'000}};
    calls.breaker.window = 1000; // opens only where a test wants it to
    calls.breaker.failure_percent = 100;
  }

  void TearDown() override {
    paced->shutdown(); // ends at once what a silent receiver holds
    stop();
  }

  void start() {
    role = webhook::start_webhook(sys, *env, registry, options, calls,
                                  {store->writes(), store->reads(), store->reads(), paced});
    sched.run();
  }

  /// As a crash: whatever was under way is lost.
  void stop() {
    if (role.webhooks)
      self->send_exit(role.webhooks, caf::exit_reason::kill);
    role = {};
    sched.run();
    while (paced->pump())
      sched.run();
  }

  /// Until nothing happens any more without time going on.
  void quiet() {
    do
      sched.run();
    while (paced->pump());
  }

  /// Time goes on, and what follows from it happens.
  void pass(milliseconds time) {
    for (quiet(); time > milliseconds{0}; time -= milliseconds{100}) {
      advance(milliseconds{100});
      quiet();
    }
  }

  /// `ask` for what takes real calls.
  template <class Reply, class Message>
  result<Reply> call(Message message) {
    auto pending = self->request(role.webhooks, caf::infinite, std::move(message));
    for (int i = 0; i < 100 && self->mailbox().empty(); ++i) {
      sched.run();
      if (self->mailbox().empty() && !paced->pump())
        advance(milliseconds{20});
    }
    result<Reply> out = failure{errc::internal, "no answer"};
    if (self->mailbox().empty())
      return out;
    pending.receive([&](Reply& x) { out = std::move(x); },
                    [&](caf::error& err) { out = to_failure(err); });
    return out;
  }

  webhook::webhook_secret add(const std::string& url, std::vector<std::string> types = {}) {
    webhook::create_webhook cmd;
    cmd.by = user_id{make_uuid(*env)};
    cmd.url = url;
    cmd.types = types.empty() ? std::vector<std::string>{"RESERVATION_CREATED"} : std::move(types);
    return call<webhook::webhook_secret>(std::move(cmd)).value();
  }

  domain_event event(const std::string& key, const std::string& type = "RESERVATION_CREATED") {
    domain_event e;
    e.id = make_uuid(*env);
    e.topic = "reservation-events";
    e.key = key;
    e.type = type;
    e.occurred_at = env->now();
    e.trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    e.payload = R"({"reservationId":")" + key + R"(","userId":"nobody's business"})";
    return e;
  }

  result<applied> tell(domain_event e) {
    return ask<applied>(role.webhooks, deliver{std::move(e)});
  }

  webhook::webhook_view view(webhook::webhook_id id) {
    return call<webhook::webhook_view>(webhook::get_webhook{id}).value();
  }

  std::string metrics() const { return prometheus::TextSerializer{}.Serialize(registry.Collect()); }
  bool shows(const std::string& line) const {
    return metrics().find(line + "\n") != std::string::npos;
  }

  /// The memory store behind as many handles as are needed; it outlives the role.
  struct disk {
    std::shared_ptr<memory::webhook_store> store = std::make_shared<memory::webhook_store>();
    std::shared_ptr<webhook::webhook_writes> writes() const { return store; }
    std::unique_ptr<webhook::webhook_queries> reads() const { return store->queries(); }
    memory::webhook_store* operator->() const { return store.get(); }
  };

  std::shared_ptr<disk> store = std::make_shared<disk>();
  prometheus::Registry registry;
  webhook::webhook_options options;
  remote::remote_options calls;
  std::shared_ptr<paced_transport> paced =
      std::make_shared<paced_transport>(net::make_curl_transport({}));
  webhook::webhook_role role;
};

} // namespace tiketi::test
