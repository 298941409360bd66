#include "net/kafka/bus.hpp"

#include "actors/bus/type_ids.hpp"
#include "net/kafka/group_actor.hpp"
#include "net/kafka/group_reader.hpp"
#include "net/kafka/metrics.hpp"
#include "net/kafka/producer_actor.hpp"
#include "net/kafka/topics.hpp"

#include <map>
#include <set>
#include <stdexcept>

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <fmt/format.h>

namespace tiketi::kafka {
namespace {

/// The cursor of what a relay has brought to Kafka.
constexpr const char* cursor_name = "kafka";

/// Where reports go once there is an actor for them. The producer's thread starts before it.
struct report_box {
  std::mutex mutex;
  producer_actor to;

  void put(std::vector<delivery_report> reports) {
    const std::lock_guard lock{mutex};
    if (to)
      caf::anon_send(to, delivery_reports{std::move(reports)});
  }
  void set(producer_actor x) {
    const std::lock_guard lock{mutex};
    to = std::move(x);
  }
};

} // namespace

struct kafka_bus::impl {
  impl(caf::actor_system& s, environment& e, prometheus::Registry& r, kafka_options o)
      : sys(s),
        env(e),
        registry(r),
        options(std::move(o)),
        metrics(std::make_shared<producer_metrics>(r)),
        box(std::make_shared<report_box>()),
        client(std::make_shared<producer>(
            options, *metrics,
            [to = box](std::vector<delivery_report> x) { to->put(std::move(x)); })),
        out(spawn_producer(sys, client)) {
    box->set(out);
  }

  void join(const std::string& topic, const subscription& to) {
    auto& g = groups[to.consumer];
    g.consumer = to.consumer;
    if (!g.topics.emplace(topic, route{to.actor, to.types, to.orders_itself}).second)
      throw std::logic_error(fmt::format("{} is consumed twice by {}", topic, to.consumer));
  }

  caf::actor_system& sys;
  environment& env;
  prometheus::Registry& registry;
  const kafka_options options;
  std::shared_ptr<producer_metrics> metrics;
  std::shared_ptr<report_box> box;
  std::shared_ptr<producer> client;
  producer_actor out;
  std::set<std::string> topics;
  std::map<std::string, group> groups;
  std::unique_ptr<topic_maker> maker;
  std::vector<group_actor> actors;
  std::vector<std::unique_ptr<group_reader>> readers;
};

kafka_bus::kafka_bus(caf::actor_system& sys, environment& env, prometheus::Registry& registry,
                     kafka_options options)
    : impl_(std::make_unique<impl>(sys, env, registry, std::move(options))) {}

kafka_bus::~kafka_bus() {
  stop_consumers();
  stop(milliseconds{0});
}

std::vector<subscription> kafka_bus::feed(const std::vector<std::string>& topics,
                                          std::vector<subscription> to) {
  impl_->topics.insert(topics.begin(), topics.end());
  for (const auto& sub : to)
    for (const auto& topic : topics)
      if (sub.topic == "*" || sub.topic == topic)
        impl_->join(topic, sub);
  return {{"*", cursor_name, impl_->out}};
}

void kafka_bus::start(const std::vector<std::string>& others) {
  auto& x = *impl_;
  x.topics.insert(others.begin(), others.end());
  std::vector<std::string> names;
  for (const auto& topic : x.topics) {
    names.push_back(topic);
    names.push_back(dead_letter_topic(topic));
  }
  x.maker = std::make_unique<topic_maker>(x.options, std::move(names));
  for (const auto& [name, what] : x.groups) {
    auto board = std::make_shared<progress_board>();
    auto seen = std::make_shared<group_metrics>(x.registry, name);
    x.actors.push_back(spawn_group(x.sys, x.env, what, x.options.consumer, x.out, board, seen));
    x.readers.push_back(std::make_unique<group_reader>(
        x.options, what, x.actors.back(), board, seen, [m = x.maker.get()] { return m->done(); }));
  }
}

bool kafka_bus::connected() const {
  return impl_->client->connected();
}

void kafka_bus::stop_consumers() {
  auto& x = *impl_;
  // All at once, then each.
  for (const auto& r : x.readers)
    r->leave();
  for (const auto& r : x.readers)
    r->join();
  for (const auto& a : x.actors)
    caf::anon_send_exit(a, caf::exit_reason::user_shutdown);
  x.readers.clear();
  x.actors.clear();
  x.groups.clear(); // they hold the consumers
  if (x.maker)
    x.maker->stop();
}

void kafka_bus::stop(milliseconds patience) {
  auto& x = *impl_;
  x.client->stop(patience);
  x.box->set(producer_actor{});
  if (x.out)
    caf::anon_send_exit(x.out, caf::exit_reason::user_shutdown);
  x.out = nullptr;
}

} // namespace tiketi::kafka
