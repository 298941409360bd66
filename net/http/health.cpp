#include "net/http/health.hpp"

#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <mutex>
#include <sstream>
#include <thread>

#include <caf/actor_system.hpp>
#include <caf/atom.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <nlohmann/json.hpp>
#include <prometheus/metric_family.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace tiketi::net {

namespace {

using tick_atom = caf::atom_constant<caf::atom("tick")>;

} // namespace

struct health_monitor::board {
  struct entry {
    health_probe probe;
    std::string error = "not checked yet"; ///< empty: it is there
    bool pending = false;
    std::uint64_t round = 0;
    time_point asked_at;
  };

  board(environment& e, health_options o) : env(e), options(std::move(o)) {}

  void answered(std::size_t index, std::uint64_t round, std::string error) {
    const std::lock_guard lock{mutex};
    auto& x = entries[index];
    if (!x.pending || x.round != round)
      return;
    x.pending = false;
    x.error = std::move(error);
  }

  environment& env;
  const health_options options;
  mutable std::mutex mutex;
  std::vector<entry> entries; ///< of fixed size
};

health_monitor::health_monitor(caf::actor_system& sys, environment& env, health_options options,
                               std::vector<health_probe> probes)
    : board_(std::make_shared<board>(env, std::move(options))) {
  for (auto& p : probes) {
    board::entry x;
    x.probe = std::move(p);
    board_->entries.push_back(std::move(x));
  }
  actor_ = sys.spawn([b = board_](caf::event_based_actor* self) -> caf::behavior {
    self->send(self, tick_atom::value);
    return {
        [self, b](tick_atom) {
          for (std::size_t i = 0; i < b->entries.size(); ++i) {
            std::uint64_t round = 0;
            {
              const std::lock_guard lock{b->mutex};
              auto& x = b->entries[i];
              const auto now = b->env.now();
              if (x.pending) {
                // One question at a time: a dependency that hangs must not gather more of them.
                if (now - x.asked_at < b->options.timeout)
                  continue;
                x.error = "timeout";
              }
              x.pending = true;
              x.asked_at = now;
              round = ++x.round;
            }
            // Weakly: whoever never answers must not keep the board.
            b->entries[i].probe.run([weak = std::weak_ptr<board>(b), i, round](std::string error) {
              if (const auto alive = weak.lock())
                alive->answered(i, round, std::move(error));
            });
          }
          self->delayed_send(self, b->options.every, tick_atom::value);
        },
    };
  });
}

health_monitor::~health_monitor() {
  stop();
}

void health_monitor::stop() {
  if (actor_)
    caf::anon_send_exit(actor_, caf::exit_reason::user_shutdown);
  actor_ = nullptr;
}

const std::string& health_monitor::service() const noexcept {
  return board_->options.service;
}

health_monitor::report health_monitor::current() const {
  report out;
  const std::lock_guard lock{board_->mutex};
  for (const auto& x : board_->entries) {
    const bool ok = x.error.empty();
    out.healthy = out.healthy && ok;
    out.serving = out.serving && (ok || !x.probe.required);
    out.dependencies.emplace_back(x.probe.name, ok ? "ok" : "error: " + x.error);
  }
  return out;
}

namespace {

nlohmann::json up_or_down(bool up) {
  return {{"status", up ? "UP" : "DOWN"}};
}

prometheus::MetricFamily family(const std::string& application, const char* name, const char* help,
                                prometheus::MetricType type, double value) {
  prometheus::ClientMetric metric;
  metric.label.push_back({"application", application});
  if (type == prometheus::MetricType::Counter)
    metric.counter.value = value;
  else
    metric.gauge.value = value;
  prometheus::MetricFamily out;
  out.name = name;
  out.help = help;
  out.type = type;
  out.metric.push_back(std::move(metric));
  return out;
}

/// Usage of the processors by this process, as a share of all of them since the last scrape.
class cpu_meter {
public:
  double usage(double used_seconds) {
    const auto now = std::chrono::steady_clock::now();
    const std::lock_guard lock{mutex_};
    const auto span = std::chrono::duration<double>(now - at_).count();
    const auto cores = std::max(1u, std::thread::hardware_concurrency());
    // Two scrapes at once would divide by nothing; the last figure is good enough then.
    if (span > 0.1) {
      last_ = std::clamp((used_seconds - used_) / span / cores, 0.0, 1.0);
      at_ = now;
      used_ = used_seconds;
    }
    return last_;
  }

private:
  std::mutex mutex_;
  std::chrono::steady_clock::time_point at_ = std::chrono::steady_clock::now();
  double used_ = 0;
  double last_ = 0;
};

void append_process(std::vector<prometheus::MetricFamily>& out, const actuator_deps& deps,
                    std::chrono::steady_clock::time_point started, cpu_meter& cpu) {
  using prometheus::MetricType;
  const auto add = [&](const char* name, const char* help, MetricType type, double value) {
    out.push_back(family(deps.application, name, help, type, value));
  };
  add("process_uptime_seconds", "Time since the start", MetricType::Gauge,
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count());
  rusage used{};
  if (getrusage(RUSAGE_SELF, &used) == 0) {
    const auto to_seconds = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    const double total = to_seconds(used.ru_utime) + to_seconds(used.ru_stime);
    add("process_cpu_seconds_total", "Processor time used", MetricType::Counter, total);
    add("process_cpu_usage", "Share of all processors used lately", MetricType::Gauge,
        cpu.usage(total));
  }
  double load = 0;
  if (getloadavg(&load, 1) == 1)
    add("system_load_average_1m", "Processes that run or wait to", MetricType::Gauge, load);
  std::ifstream statm("/proc/self/statm");
  double pages = 0;
  double resident = 0;
  if (statm >> pages >> resident)
    add("process_resident_memory_bytes", "Memory in use", MetricType::Gauge,
        resident * static_cast<double>(sysconf(_SC_PAGESIZE)));
  struct statvfs disk {};
  if (statvfs(deps.data_folder.c_str(), &disk) == 0) {
    const auto block = static_cast<double>(disk.f_frsize);
    add("disk_free_bytes", "Room left where the data is", MetricType::Gauge,
        static_cast<double>(disk.f_bavail) * block);
    add("disk_total_bytes", "Size of the disk where the data is", MetricType::Gauge,
        static_cast<double>(disk.f_blocks) * block);
  }
}

route open_route(std::string pattern, handler handle) {
  return {.method = verb::get,
          .pattern = std::move(pattern),
          .who = access::open,
          .limit = rate_category::exempt,
          .body = body_rule::none,
          .handle = std::move(handle)};
}

} // namespace

void add_health_route(router& r, std::shared_ptr<health_monitor> health) {
  r.add(open_route("/health", [health](front&, const exchange_ptr& x) {
    const auto now = health->current();
    auto dependencies = nlohmann::json::object();
    for (const auto& [name, state] : now.dependencies)
      dependencies[name] = state;
    x->reply(json_response(now.serving ? 200 : 503, {{"service", health->service()},
                                                     {"status", now.healthy ? "ok" : "degraded"},
                                                     {"dependencies", std::move(dependencies)}}));
  }));
}

void add_actuator_routes(router& r, actuator_deps deps) {
  const auto shared = std::make_shared<const actuator_deps>(std::move(deps));
  const auto cpu = std::make_shared<cpu_meter>();
  const auto started = std::chrono::steady_clock::now();

  r.add(open_route("/actuator/health", [shared](front&, const exchange_ptr& x) {
    const auto now = shared->health->current();
    auto body = up_or_down(now.serving);
    if (shared->details) {
      auto components = nlohmann::json::object();
      for (const auto& [name, state] : now.dependencies) {
        components[name] = up_or_down(state == "ok");
        if (state != "ok")
          components[name]["details"] = {{"error", state}};
      }
      body["components"] = std::move(components);
    }
    x->reply(json_response(now.serving ? 200 : 503, body));
  }));
  // Whoever answers is alive; a missing database is no reason to be restarted.
  r.add(open_route("/actuator/health/liveness", [](front&, const exchange_ptr& x) {
    x->reply(json_response(up_or_down(true)));
  }));
  r.add(open_route("/actuator/health/readiness", [shared](front&, const exchange_ptr& x) {
    const bool draining = shared->is_draining && shared->is_draining();
    const bool ready = !draining && shared->health->current().serving;
    if (ready)
      return x->reply(json_response(up_or_down(true)));
    x->reply(json_response(503, {{"status", "OUT_OF_SERVICE"}}));
  }));
  r.add(open_route("/actuator/info", [](front&, const exchange_ptr& x) {
    x->reply(json_response({{"app", {{"name", "tiketi"}}}}));
  }));
  r.add(open_route("/actuator/prometheus", [shared, cpu, started](front&, const exchange_ptr& x) {
    auto families = shared->registry->Collect();
    append_process(families, *shared, started, *cpu);
    std::ostringstream text;
    prometheus::TextSerializer{}.Serialize(text, families);
    response out;
    out.content_type = "text/plain; version=0.0.4; charset=utf-8";
    out.body = text.str();
    x->reply(std::move(out));
  }));
}

} // namespace tiketi::net
