#include "actors/cluster/gateway.hpp"
#include "actors/cluster/transport.hpp"
#include "tests/cluster/certificates.hpp"
#include "tests/support/tcp_proxy.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <caf/all.hpp>
#include <caf/io/middleman.hpp>
#include <gtest/gtest.h>

// Two nodes in one process, each with an actor system of its own, over real connections on the
// loopback interface.

namespace tiketi::cluster {
namespace {

using namespace std::chrono_literals;

/// To the region: answer what was held back.
struct let_go {};

} // namespace
} // namespace tiketi::cluster

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::let_go)

namespace tiketi::cluster {
namespace {

transport_options quick() {
  transport_options out;
  out.answer_max = std::size_t{256} << 10;
  out.port = 0;
  out.heartbeat = 100ms;
  out.silence_max = 2000ms; // a busy machine is silent for a while, too
  out.probe_timeout = 300ms;
  out.connect_timeout = 1000ms;
  out.retry_max = 200ms;
  out.tick = 10ms;
  return out;
}

struct region_data {
  region_data() = default;

  std::vector<std::pair<caf::response_promise, command_reply>> held;
};

/// Answers with the payload, counts what it was given, and holds back what begins with "hold".
caf::behavior echo(caf::stateful_actor<region_data>* self,
                   std::shared_ptr<std::atomic<int>> applied) {
  return {
      [self, applied](routed_command& message) -> caf::result<command_reply> {
        if (message.command.payload == "not now")
          return command_reply{reply_code::moving, 0, {}};
        ++*applied;
        if (message.command.payload == "fail")
          return caf::make_error(caf::sec::runtime_error);
        command_reply reply{reply_code::done, message.command.epoch, message.command.payload};
        if (message.repeated)
          reply.payload += ", asked";
        if (message.command.payload.starts_with("large"))
          reply.payload.assign(std::size_t{1} << 20, 'x');
        if (!message.command.payload.starts_with("hold"))
          return reply;
        auto promise = self->make_response_promise();
        self->state.held.emplace_back(promise, std::move(reply));
        return caf::delegated<command_reply>{};
      },
      [self](let_go) {
        for (auto& [promise, reply] : std::exchange(self->state.held, {}))
          promise.deliver(std::move(reply));
      },
  };
}

struct prepared_config : actor_config {
  explicit prepared_config(const transport_options& options) : actor_config(1) {
    prepare(*this, options);
  }
};

class site {
public:
  site(std::string name, transport_options transport, software runs = {"1.0.0", 1},
       std::string cluster = "one")
      : name_(std::move(name)),
        cluster_(std::move(cluster)),
        options_(std::move(transport)),
        config_(options_),
        sys(config_) {
    auto made = std::make_shared<transport_context>();
    made->env = env_.get();
    made->state = state;
    made->runs = std::move(runs);
    made->options = options_;
    gate = sys.spawn(gateway, transport_context_ptr{made}, recent_limits{});
    region = sys.spawn(echo, applied);
    caf::anon_send(gate, attach_region{"ticket", region});
    const auto port_now = publish(sys, gate, options_);
    if (!port_now)
      throw std::runtime_error(port_now.error().text);
    port = *port_now;
    serve(true);
  }

  ~site() {
    sys.middleman().unpublish(gate, port);
    caf::anon_send_exit(gate, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(region, caf::exit_reason::user_shutdown);
  }

  void serve(bool on) { state->set_serves_until(on ? state->now() + 1h : mono{}); }

  /// This node's view: members with their addresses, and who has the role.
  void sees(std::uint64_t epoch, const std::vector<std::pair<std::string, std::uint16_t>>& members,
            const std::string& owner) {
    auto made = std::make_shared<routing>();
    made->self = {name_, 1};
    made->cluster = cluster_;
    made->view.epoch = epoch;
    for (const auto& [node, at] : members) {
      member row;
      row.key = {node, 1};
      row.address = "127.0.0.1:" + std::to_string(at);
      if (node == owner)
        row.roles = {"ticket"};
      made->view.members.push_back(row);
    }
    const std::vector<candidate> all{{owner, 1}};
    made->roles.push_back({"ticket", shard_map{epoch, all, 4},
                           std::vector<shard_state>(4, owner == name_ ? shard_state::serving
                                                                      : shard_state::elsewhere),
                           std::vector<std::uint64_t>(4, 1)});
    state->set_routes(made);
    caf::anon_send(gate, routes_changed{});
  }

  envelope command(const std::string& payload, std::chrono::milliseconds in = 5s) {
    envelope out;
    out.role = "ticket";
    out.key = 7;
    out.command = make_uuid(*env_);
    out.deadline = to_millis(state->cluster_now()) + in.count();
    out.payload = payload;
    return out;
  }

  command_reply send(envelope what) {
    caf::scoped_actor self{sys};
    command_reply out;
    self->request(gate, 20s, send_command{std::move(what)})
        .receive([&](command_reply& reply) { out = std::move(reply); },
                 [&](caf::error& error) { ADD_FAILURE() << sys.render(error); });
    return out;
  }

  link_report link(const std::string& node) {
    caf::scoped_actor self{sys};
    link_report out;
    self->request(gate, 20s, ask_link{}, node)
        .receive([&](link_report& report) { out = std::move(report); }, [](caf::error&) {});
    return out;
  }

  gateway_report report() {
    caf::scoped_actor self{sys};
    gateway_report out;
    self->request(gate, 20s, ask_gateway{})
        .receive([&](gateway_report& is) { out = std::move(is); }, [](caf::error&) {});
    return out;
  }

private:
  std::string name_;
  std::string cluster_;
  transport_options options_;
  prepared_config config_;
  std::unique_ptr<environment> env_ = make_system_environment();

public:
  std::shared_ptr<node_state> state = std::make_shared<node_state>();
  std::shared_ptr<std::atomic<int>> applied = std::make_shared<std::atomic<int>>(0);
  caf::actor_system sys;
  caf::actor gate;
  caf::actor region;
  std::uint16_t port = 0;
};

bool eventually(const std::function<bool()>& holds, std::chrono::milliseconds within = 10s) {
  const auto end = std::chrono::steady_clock::now() + within;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end)
      return false;
    std::this_thread::sleep_for(5ms); // between two looks
  }
  return true;
}

/// "a" sends, "b" owns; between them a proxy that breaks things.
class gateway_test : public ::testing::Test {
protected:
  void join(transport_options options = quick()) {
    a.emplace("a", options);
    b.emplace("b", options);
    proxy.emplace(b->port);
    // "b" must not dial: two nodes share one connection, and it has to lead through the proxy.
    b->sees(3, {{"a", 1}, {"b", b->port}}, "b");
    a->sees(3, {{"a", a->port}, {"b", proxy->port()}}, "b");
    ASSERT_TRUE(eventually([&] { return a->link("b").state == link_state::up; }));
  }

  bool up_again(std::uint64_t connects) {
    return eventually([&] {
      const auto is = a->link("b");
      return is.state == link_state::up && is.connects >= connects;
    });
  }

  std::optional<site> a;
  std::optional<site> b;
  std::optional<test::tcp_proxy> proxy;
};

TEST_F(gateway_test, a_command_reaches_the_owner_and_his_answer_comes_back) {
  join();
  EXPECT_NE(a->sys.node(), b->sys.node()) << "two systems of one process";
  const auto reply = a->send(a->command("hello"));
  EXPECT_EQ(reply, (command_reply{reply_code::done, 3, "hello"}));
  EXPECT_EQ(*b->applied, 1);
  EXPECT_EQ(*a->applied, 0);
  EXPECT_EQ(b->send(b->command("at home")).payload, "at home");
  EXPECT_EQ(*b->applied, 2);
}

TEST_F(gateway_test, the_owner_checks_what_comes) {
  join();
  b->serve(false);
  EXPECT_EQ(a->send(a->command("x")).code, reply_code::fenced);
  b->serve(true);
  a->sees(0, {{"a", a->port}, {"b", proxy->port()}}, "b");
  EXPECT_EQ(a->send(a->command("x")).code, reply_code::old_epoch);
  a->sees(3, {{"a", a->port}, {"b", proxy->port()}}, "b");
  b->sees(4, {{"a", 1}, {"b", b->port}}, "a");
  const auto reply = a->send(a->command("x"));
  EXPECT_EQ(reply.code, reply_code::not_owner);
  EXPECT_EQ(reply.epoch, 4u) << "so the sender knows that its view is old";
  EXPECT_EQ(a->send(a->command("x", -1ms)).code, reply_code::late);
  EXPECT_EQ(a->send(a->command(std::string(300 << 10, 'x'))).code, reply_code::too_large);
  EXPECT_EQ(*b->applied, 0);
}

TEST_F(gateway_test, a_repetition_is_answered_and_not_applied) {
  join();
  auto once = a->command("x");
  EXPECT_EQ(a->send(once).code, reply_code::done);
  once.attempt = 2;
  EXPECT_EQ(a->send(once), (command_reply{reply_code::done, 3, "x"}));
  EXPECT_EQ(*b->applied, 1);
  const auto refused = a->command("not now");
  EXPECT_EQ(a->send(refused).code, reply_code::moving);
  EXPECT_EQ(a->send(refused).code, reply_code::moving) << "which had no effect, so it was tried";
  EXPECT_EQ(b->report().repeated, 1u);
}

TEST_F(gateway_test, a_command_that_failed_its_region_asks_the_store_the_next_time) {
  join();
  auto bad = a->command("fail");
  EXPECT_EQ(a->send(bad).code, reply_code::lost);
  bad.payload = "again"; // the region would fail again
  const auto reply = a->send(bad);
  EXPECT_EQ(reply.payload, "again, asked");
}

TEST_F(gateway_test, a_large_answer_is_told_as_such) {
  join();
  EXPECT_EQ(a->send(a->command("large")).code, reply_code::forgotten);
  EXPECT_EQ(b->send(b->command("large")).payload.size(), std::size_t{1} << 20) << "at home it fits";
}

TEST_F(gateway_test, a_cut_connection_fails_what_is_in_flight_at_once_and_comes_back) {
  join();
  auto held = a->command("hold", 30s);
  const auto begin = std::chrono::steady_clock::now();
  std::thread cutter{[&] {
    eventually([&] { return *b->applied == 1; });
    proxy->cut();
  }};
  EXPECT_EQ(a->send(held).code, reply_code::lost);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s) << "not at its deadline";
  cutter.join();
  ASSERT_TRUE(up_again(2));
  // The repetition joins what still runs.
  held.attempt = 2;
  std::thread releaser{[&] {
    eventually([&] { return b->report().repeated == 1; });
    caf::anon_send(b->region, let_go{});
  }};
  EXPECT_EQ(a->send(held).payload, "hold");
  releaser.join();
  EXPECT_EQ(*b->applied, 1);
}

TEST_F(gateway_test, a_frozen_peer_is_given_up_and_what_waits_for_it_is_not_applied_when_it_wakes) {
  auto options = quick();
  options.silence_max = 500ms;
  join(options);
  proxy->freeze(true);
  EXPECT_EQ(a->send(a->command("stale", 300ms)).code, reply_code::lost);
  ASSERT_TRUE(eventually([&] { return a->link("b").state != link_state::up; }));
  EXPECT_EQ(a->send(a->command("x")).code, reply_code::unreachable) << "at once, and harmless";
  EXPECT_FALSE(probe({"127.0.0.1", proxy->port()}, quick())) << "it takes connections only";
  proxy->freeze(false);
  ASSERT_TRUE(up_again(2));
  EXPECT_EQ(a->send(a->command("x")).code, reply_code::done);
  EXPECT_EQ(*b->applied, 1) << "the stale one was late";
}

TEST_F(gateway_test, a_full_window_refuses_at_once) {
  auto options = quick();
  options.window = 4;
  join(options);
  std::vector<std::thread> waiting;
  std::atomic<int> done{0};
  for (int i = 0; i < 4; ++i)
    waiting.emplace_back([&] {
      if (a->send(a->command("hold", 30s)).code == reply_code::done)
        ++done;
    });
  ASSERT_TRUE(eventually([&] { return *b->applied == 4; }));
  EXPECT_EQ(a->link("b").in_flight, 4u);
  EXPECT_EQ(a->send(a->command("x")).code, reply_code::overloaded);
  caf::anon_send(b->region, let_go{});
  for (auto& thread : waiting)
    thread.join();
  EXPECT_EQ(done, 4);
  EXPECT_EQ(a->send(a->command("x")).code, reply_code::done);
}

TEST_F(gateway_test, many_commands_at_once_are_each_answered_with_their_own) {
  join();
  // More than one message holds, and the last ones are too large to share one.
  constexpr int many = 200;
  caf::scoped_actor self{a->sys};
  std::map<std::string, caf::response_handle<caf::blocking_actor, caf::message, true>> asked;
  for (int i = 0; i < many; ++i) {
    auto text = std::to_string(i);
    if (i >= many - 4)
      text.append(std::size_t{100} << 10, 'x');
    asked.emplace(text, self->request(a->gate, 20s, send_command{a->command(text)}));
  }
  for (auto& [text, answer] : asked)
    answer.receive(
        [&text = text](command_reply& reply) {
          EXPECT_EQ(reply.code, reply_code::done);
          EXPECT_TRUE(reply.payload == text) << text.substr(0, 10);
        },
        [&](caf::error& error) { ADD_FAILURE() << a->sys.render(error); });
  EXPECT_EQ(*b->applied, many);
  EXPECT_EQ(a->link("b").in_flight, 0u);
}

TEST_F(gateway_test, a_command_is_answered_at_its_deadline_at_the_latest) {
  join();
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(a->send(a->command("hold", 200ms)).code, reply_code::lost);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
  EXPECT_EQ(a->link("b").in_flight, 0u);
  EXPECT_EQ(a->link("b").state, link_state::up);
}

TEST_F(gateway_test, a_process_that_comes_back_on_the_same_port_is_another_peer) {
  join();
  const auto port = b->port;
  b.reset();
  ASSERT_TRUE(eventually([&] { return a->link("b").state != link_state::up; }));
  EXPECT_EQ(a->send(a->command("x")).code, reply_code::unreachable);
  auto options = quick();
  options.port = port;
  b.emplace("b", options);
  b->sees(4, {{"a", 1}, {"b", b->port}}, "b");
  ASSERT_TRUE(up_again(2));
  EXPECT_EQ(a->send(a->command("x")).code, reply_code::done);
}

TEST_F(gateway_test, both_sides_dial_and_find_each_other_again) {
  a.emplace("a", quick());
  b.emplace("b", quick());
  auto options = quick();
  options.port = b->port;
  for (std::uint64_t life = 1; life <= 3; ++life) {
    a->sees(3, {{"a", a->port}, {"b", options.port}}, "b");
    b->sees(3, {{"a", a->port}, {"b", options.port}}, "b");
    ASSERT_TRUE(up_again(life));
    ASSERT_TRUE(eventually([&] { return b->link("a").state == link_state::up; }));
    for (int i = 0; i < 50; ++i)
      ASSERT_EQ(a->send(a->command("x")).code, reply_code::done) << life;
    a->sees(4, {{"a", a->port}, {"b", options.port}}, "a");
    b->sees(4, {{"a", a->port}, {"b", options.port}}, "a");
    EXPECT_EQ(b->send(b->command("y")).payload, "y");
    b.reset();
    ASSERT_TRUE(eventually([&] { return a->link("b").state != link_state::up; }));
    b.emplace("b", options);
  }
}

TEST_F(gateway_test, who_leaves_the_view_loses_his_link) {
  join();
  a->sees(5, {{"a", a->port}}, "a");
  EXPECT_TRUE(eventually([&] { return a->report().links == 0; }));
  EXPECT_TRUE(eventually([&] { return b->report().greeted == 0; }));
  EXPECT_EQ(a->send(a->command("mine")).payload, "mine");
}

TEST(strangers_test, are_not_let_in) {
  site b{"b", quick()};
  const auto refusal_of = [&](site& caller, const std::string& wanted) {
    caller.sees(3, {{"a", caller.port}, {wanted, b.port}}, wanted);
    EXPECT_TRUE(eventually([&] { return !caller.link(wanted).refusal.empty(); }));
    EXPECT_NE(caller.link(wanted).state, link_state::up);
    EXPECT_EQ(caller.send(caller.command("x")).code, reply_code::unreachable);
    return caller.link(wanted).refusal;
  };
  b.sees(3, {{"b", b.port}}, "b");
  {
    site other{"a", quick(), {"1.0.0", 1}, "two"};
    EXPECT_EQ(refusal_of(other, "b"), "this is another cluster");
  }
  {
    site old{"a", quick(), {"0.8.0", 1}};
    EXPECT_NE(refusal_of(old, "b").find("this node runs version 1.0.0, node a runs 0.8.0"),
              std::string::npos);
  }
  {
    site lost{"a", quick()};
    EXPECT_EQ(refusal_of(lost, "c"), "this is node b, not c");
  }
  EXPECT_EQ(*b.applied, 0);
}

TEST(transport_test, plain_connections_stay_on_this_machine) {
  EXPECT_FALSE(problem_of(quick()));
  auto open = quick();
  open.bind = "0.0.0.0";
  EXPECT_TRUE(problem_of(open));
  open.plain = true;
  EXPECT_FALSE(problem_of(open));
  open.plain = false;
  open.ca_file = "ca.pem";
  EXPECT_TRUE(problem_of(open)) << "half of what TLS needs";
  open.certificate_file = "n.pem";
  open.key_file = "n.key";
  EXPECT_FALSE(problem_of(open));
}

TEST(transport_test, addresses) {
  EXPECT_EQ(parse_address("node-1.example:4710")->host, "node-1.example");
  EXPECT_EQ(parse_address("[::1]:80")->host, "::1");
  EXPECT_EQ(parse_address("a:65535")->port, 65535);
  for (const auto* bad : {"", "a", ":1", "a:", "a:0", "a:65536", "a:1x", "[]:1", "[a:1"})
    EXPECT_FALSE(parse_address(bad)) << bad;
}

TEST(transport_test, a_probe_of_nobody_fails_at_once) {
  std::uint16_t port = 0;
  {
    const test::tcp_proxy gone{1};
    port = gone.port();
  }
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(probe({"127.0.0.1", port}, quick()));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 250ms);
}

TEST(tls_test, members_of_the_ca_talk_and_nobody_else) {
  const test::certificates ours;
  const test::certificates others;
  const auto with = [](const test::certificates& from, const char* node) {
    auto options = quick();
    options.probe_timeout = 1000ms;
    options.ca_file = from.ca();
    options.certificate_file = from.certificate(node);
    options.key_file = from.key(node);
    return options;
  };
  site b{"b", with(ours, "b")};
  b.sees(3, {{"b", b.port}}, "b");
  site a{"a", with(ours, "a")};
  a.sees(3, {{"a", a.port}, {"b", b.port}}, "b");
  ASSERT_TRUE(eventually([&] { return a.link("b").state == link_state::up; }));
  EXPECT_EQ(a.send(a.command("secret")).payload, "secret");
  EXPECT_TRUE(probe({"127.0.0.1", b.port}, with(ours, "a")));
  EXPECT_FALSE(probe({"127.0.0.1", b.port}, with(others, "a")));
  site plain{"p", quick()};
  plain.sees(3, {{"p", plain.port}, {"b", b.port}}, "b");
  site foreign{"f", with(others, "a")};
  foreign.sees(3, {{"f", foreign.port}, {"b", b.port}}, "b");
  EXPECT_TRUE(eventually([&] { return plain.link("b").failures > 2; }));
  EXPECT_TRUE(eventually([&] { return foreign.link("b").failures > 2; }));
  EXPECT_EQ(plain.link("b").connects, 0u);
  EXPECT_EQ(foreign.link("b").connects, 0u);
  EXPECT_TRUE(eventually([&] { return b.report().greeted == 1; })) << "only a";
}

} // namespace
} // namespace tiketi::cluster
