#include "net/redis/servers.hpp"

#include "net/redis/reply.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <hiredis/hiredis.h>
#include <spdlog/spdlog.h>

namespace tiketi::net {

namespace asio = boost::asio;
using wants = redis_connection::wants;

redis_servers::redis_servers(asio::io_context& io, environment& env, const redis_options& options,
                             change_fn changed, refused_fn refused)
    : io_(io),
      env_(env),
      options_(options),
      changed_(std::move(changed)),
      refused_(std::move(refused)) {
  if (options_.cluster) {
    counts_.slots_away = redis_slots;
    return;
  }
  auto& one = members_[{options_.host, options_.port}];
  one.node = make_node({options_.host, options_.port});
  one.listed = true;
  masters_.push_back(one.node);
  counts_.connections = one.node->connections();
}

redis_servers::~redis_servers() {
  stop();
}

void redis_servers::start() {
  for (const auto& [_, m] : members_)
    m.node->start();
  see_to_it();
}

void redis_servers::stop() {
  stopped_ = true;
  // One at a time and on their own: what they end may look at the others.
  const auto members = members_;
  for (const auto& [_, m] : members)
    m.node->stop();
  if (seed_)
    seed_->stop();
}

std::shared_ptr<redis_node> redis_servers::make_node(const redis_address& where) {
  auto options = options_;
  options.host = where.host;
  options.port = where.port;
  return std::make_shared<redis_node>(
      io_, env_, options, wants::master,
      [this](const redis_node::change& what) { node_changed(what); });
}

void redis_servers::tick(clock::time_point now) {
  // Of a copy: a call that ends with its connection may lead to a new one.
  std::vector<std::shared_ptr<redis_node>> all;
  for (const auto& [_, m] : members_)
    all.push_back(m.node);
  if (seed_)
    all.push_back(seed_);
  for (const auto& node : all)
    node->tick(now);
  if (!options_.cluster || stopped_)
    return;
  if (under_way_ && now - asked_at_ >= options_.connect_timeout) {
    under_way_ = false;
    ++question_;
    wanted_ = true;
  }
  if (counts_.slots_away > 0 && now - asked_at_ >= refresh_while_away)
    wanted_ = true;
  see_to_seed();
  see_to_guests(now);
  refresh(now);
}

std::shared_ptr<redis_node> redis_servers::choose(std::optional<std::uint16_t> slot,
                                                  std::uint64_t route) {
  if (!options_.cluster)
    return masters_.front();
  if (slot) {
    const auto owner = table_.owner(*slot);
    return owner ? masters_[*owner] : nullptr;
  }
  for (std::size_t i = 0; i < masters_.size(); ++i)
    if (const auto& node = masters_[(route + i) % masters_.size()]; node->ready() > 0)
      return node;
  return nullptr;
}

std::shared_ptr<redis_node> redis_servers::at(const redis_address& where) {
  if (const auto found = members_.find(where); found != members_.end()) {
    found->second.used_at = clock::now();
    return found->second.node;
  }
  const auto guests = std::count_if(members_.begin(), members_.end(),
                                    [](const auto& m) { return !m.second.listed; });
  if (stopped_ || static_cast<std::size_t>(guests) >= guests_max)
    return nullptr;
  auto node = make_node(where);
  members_.emplace(where, member{node, false, clock::now()});
  node->start();
  return node;
}

void redis_servers::look_again(const redis_node& from) {
  better_asked_ = from.address();
  wanted_ = true;
  see_to_it();
}

void redis_servers::node_changed(const redis_node::change& what) {
  // What it was that made a connection ready or lost may have changed the table too.
  if (what.ready || what.lost)
    wanted_ = true;
  count();
  changed_(counts_, what.why);
  see_to_it();
}

void redis_servers::count() {
  counts now;
  std::size_t unreached = table_.unserved();
  for (std::size_t i = 0; i < masters_.size(); ++i) {
    now.connections += masters_[i]->connections();
    now.ready += masters_[i]->ready();
    if (options_.cluster && masters_[i]->ready() == 0)
      unreached += table_.slots_of()[i];
  }
  if (options_.cluster)
    now.slots_away = std::min(unreached, redis_slots);
  counts_ = now;
}

/// Later: this may be inside an answer of a connection that would have to go.
void redis_servers::see_to_it() {
  if (!options_.cluster || stopped_ || std::exchange(seeing_to_it_, true))
    return;
  asio::post(io_, [this] {
    seeing_to_it_ = false;
    if (stopped_)
      return;
    see_to_seed();
    refresh(clock::now());
  });
}

/// The way in: needed until a master of the table is connected, and when none is any more.
void redis_servers::see_to_seed() {
  const bool needed = counts_.ready == 0;
  if (needed == (seed_ != nullptr))
    return;
  if (!needed) {
    const auto over = std::exchange(seed_, nullptr);
    return over->stop();
  }
  auto options = options_;
  options.connections = 1;
  seed_ =
      std::make_shared<redis_node>(io_, env_, options, wants::any,
                                   [this](const redis_node::change& what) { node_changed(what); });
  seed_->start();
}

void redis_servers::see_to_guests(clock::time_point now) {
  for (auto it = members_.begin(); it != members_.end();) {
    const auto& m = it->second;
    if (m.listed || now - m.used_at < guest_life || !m.node->idle()) {
      ++it;
      continue;
    }
    spdlog::info("redis: {} serves no slots any more", to_string(it->first));
    const auto over = m.node;
    it = members_.erase(it);
    over->stop();
  }
}

void redis_servers::refresh(clock::time_point now) {
  if (!wanted_ || under_way_ || now - asked_at_ < refresh_pause)
    return;
  std::vector<std::shared_ptr<redis_node>> ready;
  for (const auto& [where, m] : members_)
    if (m.node->ready() > 0)
      ready.push_back(m.node);
  if (seed_ && seed_->ready() > 0)
    ready.push_back(seed_);
  if (ready.empty())
    return; // whoever is connected next is asked
  // In turn, so that one with an old view is not the only one to be heard.
  auto whom = ready[next_asked_++ % ready.size()];
  for (const auto& node : ready)
    if (node->address() == better_asked_)
      whom = node;
  if (auto* over = whom->pick(0))
    ask(whom->address(), *over);
}

void redis_servers::ask(const redis_address& whom, redis_connection& over) {
  asked_at_ = clock::now();
  under_way_ = true;
  wanted_ = false;
  better_asked_ = {};
  const auto answer = [this, question = ++question_, whom](const redisReply* reply) {
    if (question != question_ || stopped_)
      return;
    under_way_ = false;
    if (!reply) {
      wanted_ = true;
      return;
    }
    if (reply->type == REDIS_REPLY_ERROR)
      return refused(whom, std::string{reply->str, reply->len});
    auto ranges = parse_slots(to_reply(*reply), whom.host);
    if (!ranges)
      return refused(whom, "the answer is not understood");
    if (ranges->empty() && masters_.empty())
      return refused(whom, "it knows of no slots");
    // Later: inside an answer no connection can be ended.
    asio::post(io_, [this, ranges = std::move(*ranges)] {
      if (!stopped_)
        learn(ranges);
    });
  };
  if (!over.send({"CLUSTER", "SLOTS"}, answer)) {
    under_way_ = false;
    wanted_ = true;
  }
}

void redis_servers::refused(const redis_address& by, const std::string& why) {
  const auto text = fmt::format("CLUSTER SLOTS: {}", why);
  if (!std::exchange(troubled_, true))
    spdlog::warn("redis: {}: {}", to_string(by), text);
  refused_(text);
}

void redis_servers::learn(const std::vector<slot_range>& ranges) {
  troubled_ = false;
  table_.learn(ranges);
  for (auto& [_, m] : members_)
    m.listed = false;
  masters_.clear();
  std::vector<std::shared_ptr<redis_node>> fresh;
  for (const auto& where : table_.masters()) {
    auto& m = members_[where];
    if (!m.node)
      fresh.push_back(m.node = make_node(where));
    m.listed = true;
    m.used_at = clock::now();
    masters_.push_back(m.node);
  }
  for (const auto& node : fresh)
    node->start();
  count();
  changed_(counts_, {});
  see_to_it();
}

} // namespace tiketi::net
