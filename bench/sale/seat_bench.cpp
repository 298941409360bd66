// One seat held and given back again and again through its actor, against two actors that do
// nothing but ask and answer: what the seat's rules and messages cost on top of CAF itself.

#include "actors/base/environment.hpp"
#include "actors/base/ids.hpp"
#include "actors/seat/seat_actor.hpp"
#include "actors/system/actor_config.hpp"
#include "bench/support/report.hpp"

#include <chrono>
#include <iostream>

#include <caf/all.hpp>
#include <fmt/format.h>

namespace tiketi::bench {

/// The baseline's question and answer, as large as the seat's.
struct ask_nothing {
  reservation_id reservation;
};
struct answer_nothing {
  bool granted = false;
  std::uint64_t floor = 0;
  std::uint32_t version = 0;
};
/// Both loops: one more round.
struct go_on {};
struct finished {};

} // namespace tiketi::bench

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::bench::ask_nothing)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::bench::answer_nothing)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::bench::go_on)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::bench::finished)

namespace tiketi::bench {
namespace {

using echo_actor = caf::typed_actor<caf::replies_to<ask_nothing>::with<answer_nothing>>;

echo_actor::behavior_type echo() {
  return {[](const ask_nothing&) { return answer_nothing{true, 1, 1}; }};
}

caf::behavior echo_client(caf::event_based_actor* self, echo_actor target, caf::actor report,
                          std::size_t rounds) {
  auto left = std::make_shared<std::size_t>(rounds);
  return {[self, target, report, left](go_on) {
    if ((*left)-- == 0) {
      self->send(report, finished{});
      self->quit();
      return;
    }
    self->request(target, caf::infinite, ask_nothing{})
        .then([self](const answer_nothing&) { self->send(self, go_on{}); },
              [self](caf::error&) { self->quit(); });
  }};
}

caf::behavior hold_client(caf::event_based_actor* self, ticket::seat_actor target,
                          caf::actor report, std::size_t rounds, reservation_id who) {
  auto left = std::make_shared<std::size_t>(rounds);
  return {[self, target, report, left, who](go_on) {
    if ((*left)-- == 0) {
      self->send(report, finished{});
      self->quit();
      return;
    }
    self->request(target, caf::infinite, ticket::claim_seat{who})
        .then(
            [self, target, who](const ticket::seat_answer& a) {
              if (!a.granted) {
                std::cerr << "seat_bench: a free seat was refused\n";
                std::exit(1);
              }
              self->send(target, ticket::release_seat{who, a.floor + 1});
              self->send(self, go_on{});
            },
            [self](caf::error&) { self->quit(); });
  }};
}

/// Rounds per second of 16 pairs at once.
template <class Spawn>
double measure(caf::actor_system& sys, std::size_t rounds, Spawn spawn) {
  constexpr std::size_t pairs = 16;
  caf::scoped_actor self{sys};
  std::vector<caf::actor> clients;
  for (std::size_t i = 0; i < pairs; ++i)
    clients.push_back(spawn(caf::actor_cast<caf::actor>(self)));
  const auto start = std::chrono::steady_clock::now();
  for (auto& c : clients)
    self->send(c, go_on{});
  for (std::size_t i = 0; i < pairs; ++i)
    self->receive([](finished) {});
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  return static_cast<double>(pairs * rounds) / took.count();
}

void seat_hold_vs_caf() {
  actor_config config{2};
  caf::actor_system sys{config};
  auto env = make_system_environment();
  const event_id event{make_uuid(*env)};
  std::vector<double> ratios;
  std::vector<double> ours;
  std::vector<double> theirs;
  constexpr std::size_t rounds = 40'000;
  for (int i = 0; i < 5; ++i) {
    const auto hold = measure(sys, rounds, [&](const caf::actor& report) {
      auto target = sys.spawn(ticket::seat_behavior, ticket::seat{});
      return sys.spawn(hold_client, target, report, rounds, make_reservation_id(event, *env));
    });
    const auto raw = measure(sys, rounds, [&](const caf::actor& report) {
      return sys.spawn(echo_client, sys.spawn(echo), report, rounds);
    });
    std::cerr << fmt::format("  {:.0f} holds and releases/s against {:.0f} requests/s\n", hold,
                             raw);
    ours.push_back(hold);
    theirs.push_back(raw);
    ratios.push_back(hold / raw);
  }
  report_ratio("seat_hold_vs_caf", median(ratios),
               fmt::format("CAF request and response, {:.0f}/s; hold and release {:.0f}/s",
                           median(theirs), median(ours)));
}

} // namespace
} // namespace tiketi::bench

int main() {
  tiketi::bench::seat_hold_vs_caf();
}
