#include "actors/queue/type_ids.hpp"
#include "actors/queue/waiting_room.hpp"
#include "actors/system/actor_config.hpp"
#include "net/http/server.hpp"
#include "net/routes/streams.hpp"
#include "tests/net/raw_client.hpp"
#include "tests/streams/event_source.hpp"
#include "tests/streams/fake_hall.hpp"

#include <atomic>
#include <iostream>
#include <thread>

#include <caf/actor_system.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <sys/resource.h>

namespace tiketi::net {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using test::event_source;
using test::raw_client;
using ticket::seat_status;

const user_id anna = *parse_id<user_id>("00000000-0000-4000-8000-00000000000a");

template <class Condition>
bool eventually(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end)
      return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

class stream_server_test : public ::testing::Test {
protected:
  void SetUp() override {
    seat_options.interval = 10ms;
    queue_options.interval = 10ms;
    queue_options.look_max = 10ms;
    options.port = 0;
  }

  void TearDown() override {
    if (web)
      web->stop(5s);
    caf::anon_send_exit(routes_deps.seats, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(routes_deps.queues, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(seats, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(queues, caf::exit_reason::user_shutdown);
    routes_deps.seats = nullptr;
    routes_deps.queues = nullptr;
    seats = nullptr;
    queues = nullptr;
  }

  void start(int hall_size = 100) {
    hall.emplace(hall_size);
    seats = hall->spawn(sys);
    queues = sys.spawn([this](queue::queues::pointer) -> queue::queues::behavior_type {
      using namespace queue;
      return {
          [](const check_admission&) { return admission{}; },
          [](const booking_done&) {},
          [](const enter_queue&) { return queue_place{}; },
          [this](const poll_queue&) {
            ++polls;
            queue_place p;
            p.place = static_cast<std::uint8_t>(position > 0 ? place::waiting : place::active);
            p.position = position;
            p.queue_size = 9;
            p.expires_at = env->now() + 10min;
            return p;
          },
          [](const leave_queue&) { return queue_left{}; },
          [](const count_queue&) { return queue_counters{}; },
          [](const set_threshold&) { return queue_counters{}; },
          [](const clear_queue&) { return queue_counters{}; },
      };
    });
    seat_metrics = std::make_shared<stream_metrics>(*registry, "seats");
    queue_metrics = std::make_shared<stream_metrics>(*registry, "queue");
    auto& deps = routes_deps;
    deps.limits = std::make_shared<listener_limits>(limits);
    deps.seat_metrics = seat_metrics;
    deps.queue_metrics = queue_metrics;
    deps.bounds = bounds;
    deps.gate = [this](front&, const exchange_ptr& x, event_id,
                       const std::function<void()>& admitted) {
      if (admits)
        admitted();
      else
        x->reply(error_response(errc::entry_token_required));
    };
    deps.seats = spawn_seat_hub(sys, *env, seats, seat_metrics, seat_options);
    deps.queues = spawn_queue_hub(
        sys, *env, queues,
        make_queue_painter(*entry_tokens::make("0123456789abcdef0123456789abcdef"), 600s),
        queue_metrics, queue_options);
    add_stream_routes(*routes, deps);
    route ping;
    ping.pattern = "/ping";
    ping.handle = [](front&, const exchange_ptr& x) { x->reply(json_response({{"pong", 1}})); };
    routes->add(std::move(ping));
    web.emplace(
        sys, *env, *registry,
        server_parts{routes,
                     [](std::string_view token, time_point) -> result<verified_token> {
                       if (token != "anna")
                         return errc::unauthenticated;
                       return verified_token{{anna, "a@b", "user"}, from_millis(4'000'000'000'000)};
                     },
                     nullptr},
        options);
    ASSERT_TRUE(web->start());
  }

  std::string seats_of(const event_id& event) const {
    return "/api/v1/events/" + to_string(event) + "/seats/stream";
  }
  std::string seat_stream() const { return seats_of(hall->event); }
  std::string queue_stream() const { return "/api/v1/queue/stream/" + to_string(hall->event); }

  event_source listen(const std::string& headers = {}) {
    event_source out{web->port()};
    out.open(seat_stream(), headers);
    return out;
  }

  void expect_refused(const std::string& target, int status, const std::string& headers = {}) {
    raw_client c{web->port()};
    const auto a = c.ask(fmt::format("GET {} HTTP/1.1\r\nHost: test\r\n{}\r\n", target, headers));
    ASSERT_TRUE(a) << target;
    EXPECT_EQ(a->status, status) << target;
    const auto body = json::parse(a->body, nullptr, false);
    EXPECT_TRUE(body["code"].is_string()) << a->body;
    if (status == 429 || status == 503) {
      EXPECT_TRUE(a->headers.contains("retry-after"));
    }
    EXPECT_EQ(c.ask("GET /ping HTTP/1.1\r\nHost: test\r\n\r\n")->status, 200)
        << "the connection goes on";
  }

  std::unique_ptr<environment> env = make_system_environment();
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  std::optional<test::fake_hall> hall;
  std::atomic<std::uint64_t> position{3};
  std::atomic<int> polls{0};
  actor_config config{2};
  caf::actor_system sys{config};
  ticket::seat_changes_view seats;
  queue::queues queues;
  std::shared_ptr<stream_metrics> seat_metrics;
  std::shared_ptr<stream_metrics> queue_metrics;
  stream_routes routes_deps;
  seat_hub_options seat_options;
  queue_hub_options queue_options;
  listener_bounds limits{10'000, 10'000, 10'000};
  stream_bounds bounds;
  bool admits = true;
  std::shared_ptr<router> routes = std::make_shared<router>();
  server_options options{.threads = 2, .fronts = 2};
  std::optional<server> web;
};

TEST_F(stream_server_test, a_browser_sees_what_becomes_of_the_seats) {
  start();
  auto s = listen("Origin: http://localhost:3000\r\n");
  ASSERT_TRUE(s.read_messages(1));
  EXPECT_EQ(s.status(), 200);
  EXPECT_TRUE(s.has_header("Content-Type: text/event-stream"));
  EXPECT_TRUE(s.has_header("Cache-Control: no-cache"));
  EXPECT_TRUE(s.has_header("X-Accel-Buffering: no"));
  EXPECT_TRUE(s.has_header("Connection: close"));
  EXPECT_TRUE(s.has_header("Access-Control-Allow-Origin: http://localhost:3000"));
  EXPECT_TRUE(s.has_header("Access-Control-Allow-Credentials: true"));
  EXPECT_EQ(s.head.find("Content-Length"), std::string::npos);
  EXPECT_EQ(s.reader.messages[0].event, "snapshot");
  EXPECT_EQ(s.reader.messages[0].data, hall->body());
  EXPECT_TRUE(eventually([&] { return web->requests_in_flight() == 0; }))
      << "a stream is no request that is being worked on";

  hall->set(5, seat_status::locked);
  ASSERT_TRUE(s.read_messages(2));
  EXPECT_EQ(s.reader.messages[1].event, "seats");
  EXPECT_EQ(json::parse(s.reader.messages[1].data)["seats"],
            json::array({{{"id", hall->id(5)}, {"status", "locked"}}}));

  // It comes back with what it had.
  const auto had = s.reader.messages[1].id;
  s.close();
  hall->set(6, seat_status::locked);
  hall->set(5, seat_status::reserved);
  auto again = listen("Last-Event-ID: " + had + "\r\n");
  ASSERT_TRUE(again.read_messages(1));
  EXPECT_EQ(again.reader.messages[0].event, "seats");
  EXPECT_EQ(again.reader.messages.back().id, hall->version());
}

TEST_F(stream_server_test, a_last_event_that_makes_no_sense) {
  start();
  for (const auto& id :
       {std::string{"x"}, std::string(5'000, 'y'), std::string{"0000000000000abc-1e3"},
        std::string{"%0d%0aid: 1"}, std::string{"\xff\xfe"}}) {
    auto s = listen("Last-Event-ID: " + id + "\r\n");
    ASSERT_TRUE(s.read_messages(1)) << id;
    EXPECT_EQ(s.reader.messages[0].event, "snapshot") << id;
  }
}

TEST_F(stream_server_test, what_is_answered_without_a_stream) {
  routes_deps.gate_seat_map = true;
  start();
  const std::string login = "Authorization: Bearer anna\r\n";
  event_id other;
  other.value.bytes[0] = 7;
  expect_refused(seat_stream(), 401);
  expect_refused(seats_of(other), 404, login);
  expect_refused("/api/events/x/seats/stream", 400, login);
  expect_refused(queue_stream(), 401);
  expect_refused("/api/queue/stream/x", 400, login);
  hall->broken = errc::unavailable;
  expect_refused(seat_stream(), 503, login);
  hall->broken = {};
  admits = false;
  expect_refused(seat_stream(), 403, login);
  EXPECT_TRUE(eventually([&] { return seat_metrics->listeners.Value() == 0; }));
  // HEAD gets the head.
  admits = true;
  raw_client c{web->port()};
  const auto head =
      c.ask("HEAD " + seat_stream() + " HTTP/1.1\r\nHost: test\r\n" + login + "\r\n", true);
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 200);
  EXPECT_TRUE(eventually([&] { return seat_metrics->listeners.Value() == 0; }));
}

TEST_F(stream_server_test, limits_of_node_and_address) {
  limits = {3, 3, 2};
  start();
  auto a = listen();
  ASSERT_TRUE(a.read_messages(1));
  {
    auto b = listen();
    ASSERT_TRUE(b.read_messages(1));
    expect_refused(seat_stream(), 429);
    EXPECT_EQ(seat_metrics->listeners.Value(), 2);
  }
  // One that leaves makes room, as soon as the server sees it.
  EXPECT_TRUE(eventually([&] { return seat_metrics->listeners.Value() == 1; }));
  auto c = listen();
  EXPECT_TRUE(c.read_messages(1));
}

TEST_F(stream_server_test, the_node_is_full) {
  limits = {1, 10, 10};
  start();
  auto a = listen();
  ASSERT_TRUE(a.read_messages(1));
  expect_refused(seat_stream(), 503);
  expect_refused(queue_stream(), 503, "Authorization: Bearer anna\r\n");
}

TEST_F(stream_server_test, thousands_of_listeners_get_the_same_bytes) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  std::size_t count = 2'000;
  const std::size_t needed = 2 * count + 600;
  options.connections_max = 4'000;
  if (files.rlim_cur < needed) {
    files.rlim_cur = std::min<rlim_t>(needed, files.rlim_max);
    setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < needed)
      count = (files.rlim_cur - 600) / 2;
  }
  seat_options.heartbeat = 10min;
  start(100);
  std::vector<event_source> crowd;
  crowd.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    crowd.push_back(listen());
  for (auto& s : crowd)
    ASSERT_TRUE(s.read_messages(1));
  EXPECT_EQ(seat_metrics->listeners.Value(), static_cast<double>(count));
  EXPECT_EQ(seat_metrics->events.Value(), 0);
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) {
    hall->set(i, seat_status::locked);
    ASSERT_TRUE(crowd[0].read_messages(static_cast<std::size_t>(i) + 2));
  }
  std::string expected;
  for (std::size_t i = 1; i <= 20; ++i) {
    const auto& m = crowd[0].reader.messages[i];
    expected += sse_event(m.event, m.id, m.data);
  }
  for (auto& s : crowd) {
    ASSERT_TRUE(s.read_messages(21));
    ASSERT_TRUE(s.body.ends_with(expected));
  }
  const auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(seat_metrics->events.Value(), 20) << "one serialisation for each, whoever listens";
  std::cout << count << " listeners, 20 events each: "
            << std::chrono::duration_cast<milliseconds>(took).count() << " ms\n";
  crowd.clear();
  EXPECT_TRUE(eventually([&] { return seat_metrics->listeners.Value() == 0; }));
  EXPECT_TRUE(eventually([&] { return web->connections() == 0; }));
}

TEST_F(stream_server_test, a_listener_that_does_not_read_is_dropped) {
  bounds = {1'000, 64 * 1024};
  start(2'000);
  event_source slow{web->port(), 4 * 1024};
  slow.open(seat_stream());
  auto quick = listen();
  ASSERT_TRUE(quick.read_messages(1));
  EXPECT_TRUE(eventually([&] { return seat_metrics->listeners.Value() == 2; }));
  std::size_t messages = 1;
  int turn = 0;
  while (seat_metrics->dropped.Value() == 0 && ++turn < 2'000) {
    const auto status = turn % 2 == 0 ? seat_status::available : seat_status::locked;
    for (int i = 0; i < 500; ++i)
      hall->set(i, status);
    ASSERT_TRUE(quick.read_messages(++messages)) << "who reads is served all the time";
  }
  EXPECT_EQ(seat_metrics->dropped.Value(), 1);
  // It is closed at once, not after the time for a write.
  EXPECT_TRUE(eventually([&] { return web->connections() == 1; }));
  EXPECT_EQ(seat_metrics->listeners.Value(), 1);
  hall->set(1'999, seat_status::reserved);
  EXPECT_TRUE(quick.read_messages(messages + 1));
  EXPECT_TRUE(slow.read_to_end());
}

TEST_F(stream_server_test, a_write_that_does_not_end_in_time) {
  options.write_timeout = 200ms;
  start(5'000); // a snapshot of a megabyte
  event_source slow{web->port(), 4 * 1024};
  slow.open(seat_stream());
  EXPECT_TRUE(eventually([&] { return seat_metrics->listeners.Value() == 1; }));
  EXPECT_TRUE(eventually([&] { return seat_metrics->listeners.Value() == 0; }));
  EXPECT_TRUE(eventually([&] { return web->connections() == 0; }));
}

TEST_F(stream_server_test, silence_is_filled_with_heartbeats) {
  seat_options.heartbeat = 20ms;
  options.idle_timeout = 500ms;
  options.request_timeout = 500ms;
  options.write_timeout = 500ms;
  start();
  auto s = listen();
  EXPECT_TRUE(s.read_until([](const event_source& x) { return x.reader.comments >= 60; }))
      << "no deadline of ordinary requests ends a stream";
  EXPECT_EQ(s.reader.messages.size(), 1U);
}

TEST_F(stream_server_test, a_stream_ends_after_its_time) {
  seat_options.heartbeat = 20ms;
  seat_options.duration_max = 200ms;
  start();
  auto s = listen();
  ASSERT_TRUE(s.read_messages(1));
  EXPECT_TRUE(s.read_to_end());
  EXPECT_TRUE(eventually([&] { return seat_metrics->listeners.Value() == 0; }));
}

TEST_F(stream_server_test, a_stop_closes_streams_at_once) {
  start();
  auto a = listen();
  auto b = listen();
  ASSERT_TRUE(a.read_messages(1));
  ASSERT_TRUE(b.read_messages(1));
  const auto begin = std::chrono::steady_clock::now();
  web->stop(10s);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
  EXPECT_TRUE(a.read_to_end());
  EXPECT_TRUE(b.read_to_end());
  EXPECT_EQ(web->connections(), 0U);
  EXPECT_TRUE(eventually([&] { return seat_metrics->listeners.Value() == 0; }));
}

TEST_F(stream_server_test, a_client_that_keeps_talking_is_closed) {
  start();
  raw_client c{web->port()};
  c.send("GET " + seat_stream() + " HTTP/1.1\r\nHost: test\r\n\r\n");
  EXPECT_TRUE(eventually([&] { return seat_metrics->listeners.Value() == 1; }));
  const std::string noise(16 * 1024, 'x');
  while (c.send(noise)) {
  }
  EXPECT_TRUE(eventually([&] { return seat_metrics->listeners.Value() == 0; }));
}

TEST_F(stream_server_test, a_place_in_the_queue) {
  start();
  const std::string login = "Authorization: Bearer anna\r\n";
  event_source s{web->port()};
  s.open(queue_stream(), login);
  ASSERT_TRUE(s.read_messages(1));
  EXPECT_TRUE(s.has_header("Cache-Control: no-cache, no-store"));
  EXPECT_EQ(s.reader.messages[0].event, "status");
  const auto first = json::parse(s.reader.messages[0].data);
  EXPECT_EQ(first["status"], "queued");
  EXPECT_EQ(first["queued"], true);
  EXPECT_EQ(first["position"], 3);
  EXPECT_EQ(first["peopleAhead"], 2);
  EXPECT_EQ(first["peopleBehind"], 6);
  EXPECT_EQ(first["queueSize"], 9);
  EXPECT_TRUE(first.contains("estimatedWait"));
  EXPECT_TRUE(first.contains("nextPoll"));
  const int before = polls;
  EXPECT_TRUE(eventually([&] { return polls > before + 5; })) << "the queue hears of the user";
  // It comes back and knows already.
  event_source again{web->port()};
  again.open(queue_stream(), login + "Last-Event-ID: " + s.reader.messages[0].id + "\r\n");
  ASSERT_TRUE(again.read_until([](const event_source& x) { return !x.reader.retry.empty(); }));
  position = 0;
  ASSERT_TRUE(s.read_messages(2));
  ASSERT_TRUE(again.read_messages(1));
  const auto entered = json::parse(s.reader.messages[1].data);
  EXPECT_EQ(entered["status"], "active");
  EXPECT_EQ(entered["message"], "Entry allowed");
  const auto claims = entry_tokens::make("0123456789abcdef0123456789abcdef")
                          ->verify(entered["entryToken"].get<std::string>(), env->now());
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->user, anna);
  EXPECT_EQ(claims->event, hall->event);
  EXPECT_EQ(json::parse(again.reader.messages[0].data)["status"], "active");
}

} // namespace
} // namespace tiketi::net
