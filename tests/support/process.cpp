#include "tests/support/process.hpp"

#include "tests/support/cluster_process.hpp"
#include "tests/support/production_parts.hpp"
#include "tests/support/spread.hpp"

namespace tiketi::test {

namespace {

std::unique_ptr<cluster_process> make_cluster(const process_options& o) {
  cluster_options out;
  out.node = o;
  out.nodes = 3;
  out.behind_proxies = false;
  // Requests of one test go to different nodes, and each shall see what the one before did.
  out.node.arguments.emplace_back("--cluster.read_age_ms=0");
  auto cluster = std::make_unique<cluster_process>(std::move(out));
  std::vector<std::uint16_t> ports;
  for (std::size_t i = 0; i < cluster->size(); ++i)
    ports.push_back(cluster->port(i));
  spread_requests(ports);
  return cluster;
}

} // namespace

server_process::server_process(options o)
    : alone_(on_cluster() ? nullptr : std::make_unique<single_process>(o)),
      cluster_(on_cluster() ? make_cluster(o) : nullptr) {}

server_process::~server_process() = default;

std::uint16_t server_process::port() const noexcept {
  return cluster_ ? cluster_->any_port() : alone_->port();
}

pid_t server_process::pid() const noexcept {
  return cluster_ ? cluster_->pid(0) : alone_->pid();
}

bool server_process::start(std::chrono::milliseconds timeout) {
  if (cluster_)
    return cluster_->start(timeout);
  if (on_production())
    alone_->add(production_parts(alone_->settings().data));
  return alone_->launch() && alone_->wait_until_ready(timeout);
}

void server_process::kill() {
  cluster_ ? cluster_->kill() : alone_->kill();
}

int server_process::stop(std::chrono::milliseconds timeout) {
  if (cluster_)
    return cluster_->stop(timeout);
  alone_->ask_to_stop();
  return alone_->wait_for_end(timeout);
}

std::string server_process::log_tail(std::size_t bytes) const {
  return cluster_ ? cluster_->log_tail(bytes) : alone_->log_tail(bytes);
}

} // namespace tiketi::test
