#include "tests/sim/sale_simulation.hpp"

#include "actors/bus/relay.hpp"
#include "actors/catalog/type_ids.hpp"
#include "actors/community/points.hpp"
#include "actors/event/role.hpp"
#include "actors/membership/membership.hpp"
#include "actors/membership/membership_actor.hpp"
#include "actors/payment/role.hpp"
#include "actors/queue/role.hpp"
#include "actors/system/actor_config.hpp"
#include "actors/system/caf_error.hpp"
#include "storage/memory/payment_store.hpp"
#include "storage/memory/queue_journal.hpp"
#include "storage/memory/ticket_store.hpp"
#include "tests/sim/promises.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <tuple>

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <fmt/format.h>
#include <prometheus/registry.h>

namespace tiketi::sim {

/// To the people: carry this out now.
struct act {
  std::function<void(caf::event_based_actor*)> what;
};

} // namespace tiketi::sim

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::sim::act)

namespace tiketi::sim {

namespace {

using namespace std::chrono_literals;
using memory::commit_fault;
using ticket::reservation_status;

constexpr time_point epoch = from_millis(1'771'754'400'000);
constexpr std::uint32_t threshold = 3;
/// How long past its time a hold waits for a payment role that does not answer.
constexpr std::chrono::milliseconds unreachable_max = 10s;

/// What the bank did, which no crash of ours undoes.
struct bank {
  struct account {
    bool captured = false;
    bool refunded = false;
  };
  std::map<payment_id, account> accounts;
};

/// What one person knows.
struct person {
  user_id id;
  bool admitted = false;
  bool waiting = false; ///< in the line
  bool busy = false;    ///< something asked and not answered
  std::vector<reservation_id> reservations;
  std::string open_key; ///< of a hold without a definite answer
  std::vector<seat_id> open_seats;
  bool open_tickets = false;
};

/// What somebody wrote in the community.
struct writing {
  community::point_award award;
  bool deleted = false;
};

/// What people were promised.
struct promise_made {
  bool paid = false;
  bool cancelled = false;
  bool cancel_asked = false; ///< or a refund
  bool pay_asked = false;
};

class world {
public:
  explicit world(std::uint64_t seed)
      : chance_(seed),
        env_(make_seeded_environment(seed ^ 0x9e3779b97f4a7c15ULL, [this] { return now(); })) {
    event_ = event_id{make_uuid(*env_)};
    artist_ = artist_id{make_uuid(*env_)};
    members_only_ = chance_() % 3 == 0;
    trading_ = chance_() % 4 == 0;
    fill_store();
    hook_stores();
    for (int i = 0; i < 5; ++i) {
      person p;
      p.id = user_id{make_uuid(*env_)};
      people_.push_back(p);
    }
    faulty_ = chance_() % 4 != 0; // some runs are quiet: then nothing may fail at all
    boot();
  }

  ~world() {
    if (life_)
      die();
  }

  void run() {
    const std::size_t steps = (300 + chance_() % 900) * (trading_ ? 4 : 1);
    for (std::size_t i = 0; i < steps; ++i) {
      step();
      check_if_changed();
    }
    heal();
    check();
    check_final();
  }

  run_result result;

private:
  /// Everything that a crash takes away.
  struct life {
    struct config : actor_config {
      config() { set("scheduler.policy", caf::atom("testing")); }
    };

    config cfg;
    prometheus::Registry registry;
    std::unique_ptr<caf::actor_system> sys = std::make_unique<caf::actor_system>(cfg);
    ticket::ticket_role tickets;
    payment::payment_role payments;
    queue::queue_role queue;
    relay_actor ticket_relay;
    relay_actor community_relay;
    caf::actor people;
    std::vector<caf::actor> others;

    caf::scheduler::test_coordinator& sched() {
      return dynamic_cast<caf::scheduler::test_coordinator&>(sys->scheduler());
    }
  };

  time_point now() const { return epoch + elapsed_; }

  /// As `require`, from inside an actor, where an exception would end the actor and not the run.
  void expect(bool holds, const std::string& what) {
    if (!holds && failure_.empty())
      failure_ = what;
  }

  bool dice(unsigned one_in) { return chance_() % one_in == 0; }

  void note(std::string what) {
    if (result.trace.size() < 100'000)
      result.trace.push_back(fmt::format("{:>9} {}", elapsed_.count(), std::move(what)));
  }

  // -- stores ------------------------------------------------------------------------------------

  void fill_store() {
    ticket::change_catalog c;
    c.message = make_uuid(*env_);
    c.event.id = event_;
    c.event.title = "Simulated night";
    c.event.venue = "Hall";
    c.event.event_date = epoch + 240h;
    c.event.sale_start = epoch - 48h; // no pre-sale any more
    if (members_only_)
      c.event.artist = artist_;
    c.event.sale_end = epoch + 200h;
    c.event.layout = layout_id{make_uuid(*env_)};
    c.event.layout_config = R"({"sections":[]})";
    for (int i = 1; i <= 5; ++i) {
      ticket::seat_row seat;
      seat.id = seat_id{make_uuid(*env_)};
      seat.section = "A";
      seat.row = 1;
      seat.number = i;
      seat.label = "A-1-" + std::to_string(i);
      seat.price = 1000 * i;
      seats_.push_back(seat.id);
      c.seats.push_back(seat);
    }
    ticket::ticket_type_view type;
    type.id = ticket_type_id{make_uuid(*env_)};
    type.event = event_;
    type.name = "Standing";
    type.price = 500;
    type.total = 4;
    type.available = 4;
    type_ = type.id;
    c.types.push_back(type);
    std::vector<ticket::ticket_write> batch{{c}};
    batch.push_back({membership::put_artist_card{{}, {artist_, "Simulated artist", "", 700}}});
    for (const auto& written : disk_tickets_.commit(batch))
      require(written.status == commit_status::committed, "the store could not be filled");
  }

  void hook_stores() {
    disk_tickets_.on_batch([this](const auto& batch) {
      const auto fault = fault_of_batch("ticket");
      if (fault == commit_fault::none || fault == commit_fault::answer_lost)
        watch_expiries(batch);
      return fault;
    });
    disk_payments_.on_batch([this](const auto&) { return fault_of_batch("payment"); });
    disk_queue_->set_fate([this](const std::vector<queue::queue_write>& batch) {
      using fate = memory::queue_journal::fate;
      switch (fault_of_batch("queue")) {
      case commit_fault::none:
        watch_admissions(batch);
        return fate::committed;
      case commit_fault::refused:
        return fate::failed;
      case commit_fault::answer_lost:
        watch_admissions(batch);
        return fate::unknown;
      case commit_fault::commit_lost:
        return fate::lost;
      }
      return fate::committed;
    });
  }

  commit_fault fault_of_batch(const char* where) {
    if (crashing_)
      return commit_fault::commit_lost; // the dead write nothing
    changed_ = true;
    if (!faulty_ || healing_ || !dice(12))
      return commit_fault::none;
    ++result.faults;
    static constexpr commit_fault kinds[] = {commit_fault::refused, commit_fault::answer_lost,
                                             commit_fault::commit_lost};
    static constexpr const char* names[] = {"refused", "answer lost", "commit lost"};
    const auto kind = chance_() % 3;
    note(fmt::format("fault: {} batch, {}", where, names[kind]));
    return kinds[kind];
  }

  // -- life and death ----------------------------------------------------------------------------

  void boot() {
    life_ = std::make_unique<life>();
    auto& sys = *life_->sys;
    auto& reg = life_->registry;

    const auto catalog = sys.spawn(
        [](catalog::briefs_view::pointer, time_point end) -> catalog::briefs_view::behavior_type {
          return {[end](const catalog::get_brief& q) {
            return catalog::event_brief{q.event, "Simulated night", "", false, epoch - 1h, end};
          }};
        },
        epoch + 200h);
    life_->others.push_back(caf::actor_cast<caf::actor>(catalog));

    ticket::ticket_options t;
    t.hold_ttl = 30s;
    t.tick = 500ms;
    t.idle_after = 20s;
    t.timing.retry_min = 200ms;
    t.timing.retry_max = 2s;
    t.timing.reconcile_after = 10s;
    t.timing.standing_timeout = 2s;
    t.timing.standing_retry = 1s;
    t.timing.capturing_max = 20s;
    t.timing.unreachable_max = unreachable_max;
    t.limits.seats_per_user_and_event = 3;
    t.limits.tickets_per_user_and_event = 3;
    ticket::ticket_dependencies td;
    td.writes = std::shared_ptr<ticket::ticket_writes>(&disk_tickets_, [](auto*) {});
    td.queries.push_back(disk_tickets_.queries());
    td.memberships = disk_tickets_.memberships();
    td.transfers = disk_tickets_.transfers();
    td.detached = false;
    life_->tickets = ticket::start_ticket(sys, *env_, reg, t, std::move(td));

    relay_options relay;
    relay.tick = 500ms;
    relay.poll = 2s;
    relay.patience = 20s;
    payment::payment_options p;
    p.ticket_timeout = 3s;
    p.provider_timeout = 3s;
    p.back_off_min = 300ms;
    p.back_off_max = 3s;
    p.idle_after = 10s;
    p.tick = 500ms;
    p.relay = relay;
    p.detached = false;
    payment::payment_dependencies pd;
    pd.writes = std::shared_ptr<payment::payment_writes>(&disk_payments_, [](auto*) {});
    pd.region_queries = disk_payments_.queries();
    pd.front_queries = disk_payments_.queries();
    pd.outbox = disk_payments_.outbox();
    pd.money = {spawn_bank(sys), "simulated", true, true};
    pd.tickets = life_->tickets.region;
    pd.transfers = life_->tickets.transfers;
    pd.memberships = life_->tickets.members;
    pd.subscriptions = {{"payment-events", "ticket", life_->tickets.consumer}};
    life_->payments = payment::start_payment(sys, *env_, reg, p, std::move(pd));

    queue::queue_options q;
    q.threshold = threshold;
    q.active_ttl = 60s;
    q.session_max = 300s;
    q.seen_ttl = 60s;
    q.leave_grace = 2s;
    q.admission_interval = 1s;
    q.admission_batch = 2;
    q.renewal_interval = 1s;
    q.idle_after = 10s;
    queue::queue_dependencies qd;
    qd.catalog = catalog;
    qd.writes = disk_queue_;
    qd.queries = memory::make_queue_queries(disk_queue_);
    qd.detached = false;
    life_->queue = queue::start_queue(sys, *env_, reg, q, std::move(qd));

    life_->ticket_relay = spawn_relay(
        sys, *env_, spawn_outbox(sys, *env_, disk_tickets_.outbox(), false),
        {life_->payments.consumer(), {"reservation-events", "benefits", life_->tickets.points}},
        relay);
    life_->tickets.links->set(life_->payments.region, life_->queue.region, life_->ticket_relay);
    life_->community_relay =
        spawn_relay(sys, *env_, spawn_outbox(sys, *env_, disk_community_.outbox(), false),
                    {{membership::community_topic, "points", life_->tickets.points,
                      membership::events_of_points()}},
                    relay);
    life_->people = sys.spawn([](caf::event_based_actor* self) -> caf::behavior {
      return {[self](const act& a) { a.what(self); }};
    });
  }

  payment::provider_actor spawn_bank(caf::actor_system& sys) {
    using namespace payment;
    return sys.spawn([this]() -> provider_actor::behavior_type {
      return {
          [this](const capture_money& c) -> caf::result<provider_answer> {
            auto& a = accounts_.accounts[c.payment.id];
            if (!a.captured && dice(8))
              return answer(provider_outcome::declined);
            if (bank_fails() && dice(2))
              return answer(provider_outcome::unknown); // lost on the way there
            expect(!a.refunded || a.captured, "a refund without a capture");
            a.captured = true;
            note("bank: captured " + brief(c.payment.id));
            return answer(bank_fails() ? provider_outcome::unknown : provider_outcome::approved);
          },
          [this](const look_up_capture& l) -> caf::result<provider_answer> {
            if (bank_fails())
              return answer(provider_outcome::unknown);
            return answer(accounts_.accounts[l.payment.id].captured ? provider_outcome::approved
                                                                    : provider_outcome::not_found);
          },
          [this](const refund_money& r) -> caf::result<provider_answer> {
            auto& a = accounts_.accounts[r.payment.id];
            if (bank_fails() && dice(2))
              return answer(provider_outcome::unknown);
            expect(a.captured, "P3: money goes back that never came: " + brief(r.payment.id));
            a.refunded = true;
            note("bank: refunded " + brief(r.payment.id));
            return answer(bank_fails() ? provider_outcome::unknown : provider_outcome::approved);
          },
      };
    });
  }

  payment::provider_answer answer(payment::provider_outcome outcome) {
    payment::provider_answer a;
    a.outcome = outcome;
    a.at = now();
    a.status = "DONE";
    return a;
  }

  bool bank_fails() { return faulty_ && !healing_ && dice(6); }

  /// The process is gone between two instructions: nothing more is written, nothing answered.
  void die() {
    crashing_ = true;
    const auto end = [](const auto& actor) {
      if (actor)
        caf::anon_send_exit(actor, caf::exit_reason::kill);
    };
    auto& l = *life_;
    end(l.tickets.writer);
    end(l.people);
    end(l.tickets.region);
    end(l.tickets.consumer);
    end(l.tickets.transfers);
    end(l.tickets.points);
    end(l.tickets.members);
    for (auto& h : l.tickets.helpers)
      end(h);
    // These two take their children along when asked, not when killed; nothing they still do is
    // written.
    caf::anon_send_exit(l.payments.region, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(l.queue.region, caf::exit_reason::user_shutdown);
    end(l.payments.relay);
    for (auto& h : l.payments.others)
      end(h);
    end(l.queue.writer);
    end(l.queue.reader);
    end(l.ticket_relay);
    end(l.community_relay);
    for (auto& h : l.others)
      end(h);
    l.tickets = {};
    l.payments = {};
    l.queue = {};
    l.ticket_relay = nullptr;
    l.community_relay = nullptr;
    l.people = nullptr;
    l.others.clear();
    auto& sched = l.sched();
    // Whoever was started by those that are gone learns of it with the next timer at the latest.
    for (int i = 0; i < 120; ++i) {
      while (sched.has_job())
        sched.run();
      if (l.sys->registry().running() == 0)
        break;
      sched.advance_time(1s);
    }
    if (const auto left = l.sys->registry().running(); left > 0) {
      // The system would wait for them for ever.
      static_cast<void>(life_.release()->sys.release());
      crashing_ = false;
      throw violation(fmt::format("{} actors outlive their role", left));
    }
    life_.reset();
    crashing_ = false;
    for (auto& p : people_) {
      p.busy = false;
      p.admitted = false;
      p.waiting = false;
    }
  }

  // -- one step ----------------------------------------------------------------------------------

  void step() {
    auto& sched = life_->sched();
    const auto roll = chance_() % 100;
    if (roll < 84 && sched.has_job()) {
      run_one();
    } else if (roll < 93) {
      somebody_acts();
    } else if (roll < 99 || !faulty_) {
      static constexpr std::chrono::milliseconds jumps[] = {1ms,   5ms,   20ms, 50ms, 100ms,
                                                            200ms, 500ms, 1s,   2s,   12s};
      advance(jumps[chance_() % std::size(jumps)]);
    } else if (dice(3)) {
      ++result.crashes;
      note("crash");
      die();
      boot();
    } else if (dice(2)) {
      const bool away = dice(2);
      note(away ? "ticket store away" : "ticket store back");
      disk_tickets_.set_away(away);
    } else {
      const bool away = dice(2);
      note(away ? "payment store away" : "payment store back");
      disk_payments_.set_away(away);
    }
  }

  /// Any actor that has something to do may be the next one.
  void run_one() {
    auto& jobs = life_->sched().jobs;
    const auto i = static_cast<std::ptrdiff_t>(chance_() % jobs.size());
    std::rotate(jobs.begin(), jobs.begin() + i, jobs.begin() + i + 1);
    life_->sched().try_run_once();
  }

  void advance(std::chrono::milliseconds by) {
    elapsed_ += by;
    life_->sched().advance_time(by);
  }

  void ask(std::function<void(caf::event_based_actor*)> what) {
    caf::anon_send(life_->people, act{std::move(what)});
  }

  void somebody_acts() {
    const auto i = chance_() % people_.size();
    auto& p = people_[i];
    const auto roll = chance_() % 12;
    if (!p.busy && (!p.admitted || roll == 0)) {
      if (p.waiting && roll > 9)
        leave(i);
      else
        enter(i);
      return;
    }
    if (!p.busy && (roll < 4 || p.reservations.empty())) {
      hold(i);
      return;
    }
    if (wants_to_trade(i)) {
      trade(i);
      return;
    }
    if (dice(6)) {
      write_or_delete(i);
      return;
    }
    if (p.reservations.empty())
      return;
    // Also on old ones, and while an earlier request runs: double clicks and second tabs.
    const auto& r = p.reservations[p.reservations.size() - 1
                                   - (dice(4) ? chance_() % p.reservations.size() : 0)];
    if (roll < 9 || (trading_ && !dice(6)))
      pay(i, r);
    else if (roll < 11)
      cancel(i, r);
    else if (dice(2))
      give_money_back(i, r);
    else
      leave(i);
  }

  void enter(std::size_t i) {
    people_[i].busy = true;
    const queue::enter_queue command{event_, people_[i].id};
    ask([this, i, command](caf::event_based_actor* self) {
      self->request(life_->queue.region, caf::infinite, command)
          .then(
              [this, i](const queue::queue_place& place) {
                people_[i].busy = false;
                note(fmt::format("person {} is told place {}, position {}", i, place.place,
                                 place.position));
                people_[i].admitted =
                    place.place == static_cast<std::uint8_t>(queue::place::active);
                people_[i].waiting =
                    place.place == static_cast<std::uint8_t>(queue::place::waiting);
                // P2: an answer about the queue tells only what the journal was given.
                const auto& user = people_[i].id;
                expect(
                    place.place == static_cast<std::uint8_t>(queue::place::none)
                        || (people_[i].admitted ? line_.entered(user) : line_.joined(user)),
                    fmt::format("P2: told of a place ({}) that was never journaled", place.place));
              },
              [this, i](caf::error&) { people_[i].busy = false; });
    });
  }

  void leave(std::size_t i) {
    people_[i].admitted = false;
    people_[i].waiting = false;
    note(fmt::format("person {} leaves", i));
    const queue::leave_queue command{event_, people_[i].id};
    ask([this, command](caf::event_based_actor* self) {
      self->request(life_->queue.region, caf::infinite, command)
          .then([](const queue::queue_left&) {}, [](caf::error&) {});
    });
  }

  void hold(std::size_t i) {
    auto& p = people_[i];
    p.busy = true;
    if (p.open_key.empty()) {
      p.open_key = to_string(make_uuid(*env_));
      p.open_tickets = dice(4);
      p.open_seats.clear();
      const auto want = 1 + chance_() % 2;
      while (p.open_seats.size() < want) {
        const auto& seat = seats_[chance_() % seats_.size()];
        if (std::find(p.open_seats.begin(), p.open_seats.end(), seat) == p.open_seats.end())
          p.open_seats.push_back(seat);
      }
    }
    const auto done = [this, i](const ticket::reservation_view& r) {
      auto& me = people_[i];
      me.busy = false;
      me.open_key.clear();
      const auto& stored = disk_tickets_.state().reservations;
      expect(stored.contains(r.id), "P2: a hold was acknowledged that is not durable");
      expect(stored.at(r.id).view.user == me.id, "a hold belongs to somebody else");
      if (std::find(me.reservations.begin(), me.reservations.end(), r.id)
          == me.reservations.end()) {
        me.reservations.push_back(r.id);
        ++result.holds;
      }
      note("held " + brief(r.id));
    };
    const auto failed = [this, i](caf::error& err) {
      const auto f = to_failure(err);
      auto& me = people_[i];
      me.busy = false;
      // Only a definite no lets go of the key.
      if (f.code != errc::in_doubt && f.code != errc::unavailable && f.code != errc::overloaded
          && f.code != errc::timeout && f.code != errc::internal)
        me.open_key.clear();
    };
    if (p.open_tickets) {
      ticket::reserve_tickets command{event_, p.id, {{type_, 1}}, p.open_key};
      ask([this, command, done, failed](caf::event_based_actor* self) {
        self->request(life_->tickets.region, caf::infinite, command).then(done, failed);
      });
    } else {
      ticket::reserve_seats command{event_, p.id, p.open_seats, p.open_key};
      ask([this, command, done, failed](caf::event_based_actor* self) {
        self->request(life_->tickets.region, caf::infinite, command).then(done, failed);
      });
    }
  }

  void pay(std::size_t i, reservation_id r) {
    promised_[r].pay_asked = true;
    const payment::process_payment command{r, people_[i].id, "card"};
    ask([this, r, command](caf::event_based_actor* self) {
      self->request(life_->payments.region, caf::infinite, command)
          .then(
              [this, r](const payment::payment_done& d) {
                const auto& stored = disk_tickets_.state().reservations.at(r).view;
                expect(stored.status == reservation_status::confirmed
                           || (stored.status == reservation_status::cancelled
                               && promised_[r].cancel_asked),
                       "P2: paid, but the reservation is " + to_string(stored.status));
                expect(accounts_.accounts[d.payment.id].captured, "P3: paid without money");
                promised_[r].paid = true;
                note("paid " + brief(r));
              },
              [](caf::error&) {});
    });
  }

  void cancel(std::size_t i, reservation_id r) {
    promised_[r].cancel_asked = true;
    const ticket::cancel_reservation command{r, people_[i].id};
    ask([this, r, command](caf::event_based_actor* self) {
      self->request(life_->tickets.region, caf::infinite, command)
          .then(
              [this, r](const ticket::reservation_view&) {
                expect(disk_tickets_.state().reservations.at(r).view.status
                           == reservation_status::cancelled,
                       "P2: a cancellation was acknowledged that is not durable");
                promised_[r].cancelled = true;
                note("cancelled " + brief(r));
              },
              [](caf::error&) {});
    });
  }

  void give_money_back(std::size_t i, reservation_id r) {
    const auto& payments = disk_payments_.state().payments;
    const auto found = std::find_if(payments.begin(), payments.end(),
                                    [&](const auto& p) { return p.second.reservation == r; });
    if (found == payments.end())
      return;
    promised_[r].cancel_asked = true;
    const payment::cancel_payment command{to_string(found->first), people_[i].id,
                                          "changed my mind"};
    ask([this, command](caf::event_based_actor* self) {
      self->request(life_->payments.region, caf::infinite, command)
          .then([](const payment::payment_done&) {}, [](caf::error&) {});
    });
  }

  // -- resale and memberships --------------------------------------------------------------------

  /// What is on offer is bought soon, and whoever has a ticket is tempted.
  bool wants_to_trade(std::size_t i) {
    const auto& s = disk_tickets_.state();
    const bool offered = std::any_of(s.transfers.begin(), s.transfers.end(), [](const auto& t) {
      return t.second.view.status == ticket::transfer_status::listed;
    });
    const bool owner =
        std::any_of(s.reservations.begin(), s.reservations.end(), [&](const auto& r) {
          return r.second.view.user == people_[i].id
                 && r.second.view.status == reservation_status::confirmed;
        });
    return trading_ ? dice(offered || owner ? 2 : 8) : dice(offered ? 3 : 10);
  }

  void trade(std::size_t i) {
    const auto& p = people_[i];
    if (members_only_ && dice(3)) {
      join(i);
      return;
    }
    const auto roll = chance_() % 16;
    if (roll == 0) {
      join(i);
    } else if (roll == 1) {
      give_any_money_back(i);
    } else if (roll == 2) {
      if (const auto t = any_listing([&](const auto& v) { return v.seller == p.id || dice(8); }))
        take_back(i, *t);
    } else if (roll < 11) {
      // Also one's own, and what has been sold already.
      if (const auto t = any_listing([&](const auto& v) {
            return v.status == ticket::transfer_status::listed ? v.seller != p.id || dice(8)
                                                               : dice(8);
          }))
        buy(i, *t);
      else if (const auto r = any_confirmed(i))
        offer(i, *r);
    } else if (const auto r = any_confirmed(i)) {
      offer(i, *r);
    }
  }

  std::optional<reservation_id> any_confirmed(std::size_t i) {
    std::vector<reservation_id> own;
    for (const auto& [id, r] : disk_tickets_.state().reservations)
      if ((r.view.user == people_[i].id && r.view.status == reservation_status::confirmed)
          || dice(16))
        own.push_back(id);
    if (own.empty())
      return std::nullopt;
    return own[chance_() % own.size()];
  }

  template <class Fits>
  std::optional<transfer_id> any_listing(Fits fits) {
    std::vector<transfer_id> out;
    for (const auto& [id, t] : disk_tickets_.state().transfers)
      if (fits(t.view))
        out.push_back(id);
    if (out.empty())
      return std::nullopt;
    return out[chance_() % out.size()];
  }

  void offer(std::size_t i, reservation_id r) {
    const ticket::create_listing command{r, people_[i].id};
    ask([this, command](caf::event_based_actor* self) {
      self->request(life_->tickets.transfers, caf::infinite, command)
          .then(
              [this](const ticket::transfer_view& t) {
                const auto& stored = disk_tickets_.state().transfers;
                expect(stored.contains(t.terms.id), "P2: a listing that is not durable");
                ++result.listed;
                note("listed " + brief(t.terms.id));
              },
              [](caf::error&) {});
    });
  }

  void take_back(std::size_t i, transfer_id t) {
    const ticket::cancel_listing command{t, people_[i].id};
    ask([this, t, command](caf::event_based_actor* self) {
      self->request(life_->tickets.transfers, caf::infinite, command)
          .then(
              [this, t, command](const ticket::listing_cancelled&) {
                const auto& v = disk_tickets_.state().transfers.at(t).view;
                expect(v.status == ticket::transfer_status::cancelled,
                       "P2: an offer was taken back and still stands");
                expect(v.seller == command.user, "P3: somebody else took an offer back");
                note("taken back " + brief(t));
              },
              [](caf::error&) {});
    });
  }

  void buy(std::size_t i, transfer_id t) {
    const payment::process_payment command{
        {payment::subject_kind::transfer, t.value}, people_[i].id, "card"};
    ask([this, t, command](caf::event_based_actor* self) {
      self->request(life_->payments.region, caf::infinite, command)
          .then(
              [this, t, command](const payment::payment_done& d) {
                const auto& stored = disk_tickets_.state().transfers.at(t);
                expect(stored.view.status == ticket::transfer_status::completed
                           && stored.view.buyer == command.user && stored.payment == d.payment.id,
                       "P2: a resale was acknowledged that is not durable");
                note("resold " + brief(t));
              },
              [](caf::error&) {});
    });
  }

  /// Of anything this person ever paid for: also of tickets that were sold on.
  void give_any_money_back(std::size_t i) {
    std::vector<const payment::payment_view*> own;
    for (const auto& [id, p] : disk_payments_.state().payments)
      if (p.user == people_[i].id)
        own.push_back(&p);
    if (own.empty())
      return;
    const auto& p = *own[chance_() % own.size()];
    if (p.kind == payment::subject_kind::reservation)
      promised_[p.reservation].cancel_asked = true;
    if (p.kind == payment::subject_kind::transfer)
      promised_[disk_tickets_.state().transfers.at(transfer_id{p.reference}).view.reservation]
          .cancel_asked = true;
    const payment::cancel_payment command{to_string(p.id), p.user, "changed my mind"};
    ask([this, command](caf::event_based_actor* self) {
      self->request(life_->payments.region, caf::infinite, command)
          .then([](const payment::payment_done&) {}, [](caf::error&) {});
    });
  }

  void join(std::size_t i) {
    const membership::subscribe command{people_[i].id, artist_};
    ask([this, command](caf::event_based_actor* self) {
      self->request(life_->tickets.members, caf::infinite, command)
          .then(
              [this, self, command](const membership::membership_view& m) {
                expect(disk_tickets_.state().memberships.contains(m.row.id),
                       "P2: a membership that is not durable");
                self->request(life_->payments.region, caf::infinite,
                              payment::process_payment{
                                  {payment::subject_kind::membership, m.row.id.value},
                                  command.user,
                                  "card"})
                    .then(
                        [this, id = m.row.id](const payment::payment_done&) {
                          expect(disk_tickets_.state().memberships.at(id).status
                                     == membership::membership_status::active,
                                 "P2: a membership was paid and is not active");
                          note("member " + brief(id));
                        },
                        [](caf::error&) {});
              },
              [](caf::error&) {});
    });
  }

  /// Something in the community, or something that is deleted there. Both are durable at once, and
  /// the ticket role hears of them later.
  void write_or_delete(std::size_t i) {
    if (!writings_.empty() && dice(3)) {
      auto& w = writings_[chance_() % writings_.size()];
      if (!std::exchange(w.deleted, true))
        publish(community::revoked_event(w.award, now()));
      return;
    }
    writing w;
    w.award.user = people_[i].id;
    w.award.action = dice(2) ? community::point_action::post : community::point_action::news;
    w.award.points = community::points_for(w.award.action);
    w.award.reference = make_uuid(*env_);
    if (w.award.action == community::point_action::post)
      w.award.artist = artist_;
    publish(community::earned_event(w.award, now()));
    writings_.push_back(w);
  }

  /// Into the outbox of the community's database.
  void publish(domain_event event) {
    note(event.type);
    membership::change_membership nothing_but;
    nothing_but.events.push_back(std::move(event));
    std::vector<ticket::ticket_write> batch{{std::move(nothing_but)}};
    for (const auto& written : disk_community_.commit(batch))
      require(written.status == commit_status::committed, "the community could not store");
    caf::anon_send(life_->community_relay, outbox_grew{});
  }

  /// No more faults; then as long as anything could take.
  void heal() {
    healing_ = true;
    disk_tickets_.set_away(false);
    disk_payments_.set_away(false);
    note("healing");
    for (int i = 0; i < 240; ++i) {
      life_->sched().run();
      check_if_changed();
      advance(1s);
    }
    life_->sched().run();
  }

  // -- promises ----------------------------------------------------------------------------------

  void check_if_changed() {
    if (!failure_.empty())
      throw violation(failure_);
    if (std::exchange(changed_, false))
      check();
  }

  void check() {
    const auto& s = disk_tickets_.state();
    promises_.check(s);
    check_owners();
    // P4: never more active than the threshold.
    const auto rows = disk_queue_->rows(event_);
    const auto active = active_at(rows, now());
    require(active <= static_cast<std::ptrdiff_t>(threshold), "P4: more active than the threshold");
  }

  /// Exactly one owner per ticket, and the sales explain who that is; no payment buys twice; points
  /// add up.
  void check_owners() {
    const auto& s = disk_tickets_.state();
    std::map<reservation_id, std::vector<const memory::ticket_state::transfer*>> sales;
    std::set<reservation_id> offered;
    std::set<payment_id> used;
    for (const auto& [id, t] : s.transfers) {
      const auto& r = s.reservations.at(t.view.reservation).view;
      switch (t.view.status) {
      case ticket::transfer_status::listed:
        require(offered.insert(r.id).second, "P1: a ticket is offered twice");
        require(r.status == reservation_status::confirmed && r.user == t.view.seller,
                "P1: offered by somebody who cannot sell it: " + brief(id));
        break;
      case ticket::transfer_status::completed:
        require(used.insert(t.payment).second, "P1: one payment bought two tickets");
        sales[r.id].push_back(&t);
        break;
      case ticket::transfer_status::cancelled:
        require(t.view.buyer.is_nil(), "P1: an offer was taken back and sold");
        break;
      }
      const auto known = transfer_statuses_.find(id);
      require(known == transfer_statuses_.end() || known->second == t.view.status
                  || known->second == ticket::transfer_status::listed,
              "P1: a listing that had ended changed: " + brief(id));
      transfer_statuses_[id] = t.view.status;
    }
    for (const auto& [id, r] : s.reservations) {
      auto owner = first_owners_.emplace(id, r.view.user).first->second;
      // Each sale names the payment it took the ticket over from: that gives their order.
      std::map<payment_id, const memory::ticket_state::transfer*> after;
      std::set<payment_id> bought;
      for (const auto* t : sales[id]) {
        require(after.emplace(t->seller_payment, t).second, "P1: a payment was sold on twice");
        bought.insert(t->payment);
      }
      auto next = std::find_if(after.begin(), after.end(),
                               [&](const auto& t) { return !bought.contains(t.first); });
      auto last = after.empty() ? r.view.paid_by : payment_id{};
      std::size_t walked = 0;
      for (; next != after.end(); next = after.find(last), ++walked) {
        const auto& sale = *next->second;
        require(sale.view.seller == owner, "P1: sold by somebody who did not own it: " + brief(id));
        owner = sale.view.buyer;
        last = sale.payment;
      }
      require(walked == after.size(), "P1: the sales of a ticket are no chain: " + brief(id));
      require(r.view.user == owner, "P1: the sales do not lead to the owner: " + brief(id));
      require(r.view.paid_by == last,
              "P1: the owner's payment did not buy the ticket: " + brief(id));
    }
    std::map<membership_id, std::int64_t> points;
    std::set<std::tuple<membership_id, std::string, uuid>> given;
    for (const auto& p : s.point_log) {
      require(given.emplace(p.membership, p.entry.action, p.entry.reference).second,
              "P5: points were given twice");
      points[p.membership] += p.entry.points;
    }
    for (const auto& [id, m] : s.memberships)
      require(m.points == points[id], "P3: points and their account disagree");
  }

  /// P3: what was paid in time does not expire, unless that payment was refused before.
  void watch_expiries(const std::vector<ticket::ticket_write>& batch) {
    for (const auto& write : batch) {
      const auto* change = std::get_if<ticket::change_reservation>(&write.command);
      if (!change || change->to != reservation_status::expired)
        continue;
      const auto& view = disk_tickets_.state().reservations.at(change->reservation).view;
      // Later than that it may have given up asking.
      if (view.status != reservation_status::pending || now() >= view.expires_at + unreachable_max)
        continue;
      for (const auto& [id, p] : disk_payments_.state().payments) {
        const auto refused = [&, about = "payment " + to_string(id)](const auto& h) {
          return h.action == "payment_rejected" && h.detail.ends_with(about);
        };
        expect(p.reservation != change->reservation || p.status != payment::payment_status::captured
                   || std::any_of(view.history.begin(), view.history.end(), refused),
               "P3: a paid reservation expired: " + brief(change->reservation));
      }
    }
  }

  /// P4: in join order, once per join. Follows every batch that is written.
  void watch_admissions(const std::vector<queue::queue_write>& batch) {
    try {
      line_.written(batch);
    } catch (const violation& v) {
      // Not from inside an actor: CAF would turn it into the actor's end.
      if (failure_.empty())
        failure_ = v.what();
    }
  }

  void check_final() {
    const auto& s = disk_tickets_.state();
    const auto& p = disk_payments_.state();
    std::map<reservation_id, std::vector<const payment::payment_view*>> kept;
    std::map<membership_id, int> paid_memberships;
    std::int64_t balance = 0; ///< what the bank has of ours
    std::int64_t owed = 0;    ///< what that is for
    for (const auto& [id, pay] : p.payments) {
      using payment::payment_status;
      require(pay.status != payment_status::capturing && pay.status != payment_status::refunding,
              "P7: payment " + brief(id) + " never came to an end");
      const auto& account = accounts_.accounts[id];
      require(
          account.captured
              == (pay.status == payment_status::captured || pay.status == payment_status::refunded),
          "P3: bank and payment " + brief(id) + " disagree about the capture");
      require(account.refunded == (pay.status == payment_status::refunded),
              "P3: bank and payment " + brief(id) + " disagree about the refund");
      if (pay.status == payment_status::captured)
        balance += pay.amount;
      if (pay.kind == payment::subject_kind::membership) {
        if (pay.status == payment_status::captured)
          ++paid_memberships[membership_id{pay.reference}];
        continue;
      }
      const bool resale = pay.kind == payment::subject_kind::transfer;
      const auto about =
          resale ? s.transfers.at(transfer_id{pay.reference}).view.reservation : pay.reservation;
      if (pay.status == payment_status::captured)
        kept[about].push_back(&pay);
      if (pay.status == payment_status::refunded) {
        ++result.refunded;
        result.resale_refused += resale;
        const auto r = s.reservations.find(about);
        require(r != s.reservations.end(), "a payment without a reservation");
        const auto& history = r->second.view.history;
        require(
            std::any_of(history.begin(), history.end(),
                        [](const auto& h) { return h.action.find("refund") != std::string::npos; }),
            "P3: a refund is not visible in the reservation's history: " + brief(about));
      }
    }
    for (const auto& [id, r] : s.reservations) {
      const auto& v = r.view;
      require(v.status != reservation_status::pending, "P3: " + brief(id) + " never ended");
      require(v.payment != ticket::payment_state::refund_requested,
              "P3: a refund was asked for and never came: " + brief(id));
      // A payment of somebody who sold the ticket on did its work and stays: no refund after the
      // sale. The last one stays as long as the reservation does.
      std::map<payment_id, std::int64_t> expected;
      for (const auto& [t, sale] : s.transfers)
        if (sale.view.reservation == id && sale.view.status == ticket::transfer_status::completed) {
          ++result.resold;
          expected[sale.seller_payment];
          expected[sale.payment] = sale.view.terms.total_price;
        }
      for (auto& [paid, amount] : expected)
        if (amount == 0)
          amount = v.total_amount;
      if (v.status == reservation_status::confirmed && expected.empty())
        expected[v.paid_by] = v.total_amount;
      if (v.status != reservation_status::confirmed)
        expected.erase(v.paid_by);
      std::map<payment_id, std::int64_t> money;
      for (const auto* paid : kept[id])
        money[paid->id] = paid->amount;
      require(money == expected,
              fmt::format("P3: {} is {} and {} payments were kept instead of {}", brief(id),
                          to_string(v.status), money.size(), expected.size()));
      for (const auto& [paid, amount] : expected)
        owed += amount;
      result.confirmed += v.status == reservation_status::confirmed;
      result.expired += v.status == reservation_status::expired;
      result.cancelled += v.status == reservation_status::cancelled;
    }
    for (const auto& [membership_id, m] : s.memberships) {
      const auto& id = membership_id; // clang 14: no structured binding in a lambda
      const auto joined = std::count_if(s.point_log.begin(), s.point_log.end(), [&](const auto& e) {
        return e.membership == id && e.entry.action.starts_with("MEMBERSHIP_");
      });
      require(joined == paid_memberships[id],
              fmt::format("P3: membership {} was paid {} times and begun {} times", brief(id),
                          paid_memberships[id], joined));
      require((m.status == membership::membership_status::active) == (joined > 0),
              "P3: a membership is " + to_string(m.status));
      result.members += m.status == membership::membership_status::active;
      owed += joined * m.price;
    }
    require(balance == owed,
            fmt::format("P3: {} won are in the bank, {} were earned", balance, owed));
    check_points();
    // P2: nothing acknowledged is lost.
    for (const auto& person : people_)
      for (const auto& id : person.reservations)
        require(s.reservations.contains(id), "P2: an acknowledged hold is gone");
    for (const auto& [id, what] : promised_) {
      const auto status = s.reservations.at(id).view.status;
      if (what.cancelled)
        require(status == reservation_status::cancelled, "P2: a cancelled reservation is back");
      else if (what.paid && !what.cancel_asked)
        require(status == reservation_status::confirmed,
                "P2: a paid reservation is " + to_string(status));
      else if (!what.pay_asked && !what.cancel_asked)
        require(status == reservation_status::expired, "P3: expiry did not fire");
    }
    // P5: every event reached its consumer; nothing was given up.
    require(s.dead.empty() && p.dead.empty(), "P5: an event was set aside");
    for (const auto& [name, at] : s.cursors)
      require(at == s.last_sequence, "P5: " + name + " has not applied every reservation event");
    for (const auto& [name, at] : p.cursors)
      require(at == p.last_sequence, "P5: " + name + " has not applied every payment event");
    const auto& c = disk_community_.state();
    require(c.dead.empty(), "P5: an event of the community was set aside");
    for (const auto& [name, at] : c.cursors)
      require(at == c.last_sequence, "P5: " + name + " has not applied every community event");
  }

  /// P5: what somebody wrote brought its points at most once, to members only, and deleting it took
  /// back exactly those.
  void check_points() {
    const auto& s = disk_tickets_.state();
    for (const auto& w : writings_) {
      const std::string action{community::to_string_view(w.award.action)};
      std::int64_t left = 0;
      for (const auto& p : s.point_log) {
        if (p.entry.reference != w.award.reference)
          continue;
        const auto& m = s.memberships.at(p.membership);
        require(m.user == w.award.user, "P5: somebody else's writing earned points");
        require(p.entry.action == action || p.entry.action == membership::revoked_action(action),
                "P5: points for something else: " + p.entry.action);
        left += p.entry.points;
        result.earned += p.entry.points > 0;
        result.revoked += p.entry.points < 0;
      }
      require(left == 0 || (left == w.award.points && !w.deleted),
              fmt::format("P5: {} points are left of something that {}", left,
                          w.deleted ? "was deleted" : "brings " + std::to_string(w.award.points)));
    }
  }

  std::mt19937_64 chance_;
  std::chrono::milliseconds elapsed_{0};
  std::unique_ptr<environment> env_;
  memory::ticket_store disk_tickets_;
  memory::payment_store disk_payments_;
  memory::ticket_store disk_community_; ///< nothing but its outbox
  std::vector<writing> writings_;
  std::shared_ptr<memory::queue_journal> disk_queue_ = std::make_shared<memory::queue_journal>();
  bank accounts_;
  std::unique_ptr<life> life_;
  event_id event_;
  artist_id artist_;
  /// The event has the artist: resale among members, points for bookings.
  bool members_only_ = false;
  bool trading_ = false; ///< a long run, in which people sell tickets on rather than give them up
  std::vector<seat_id> seats_;
  ticket_type_id type_;
  std::vector<person> people_;
  std::map<reservation_id, promise_made> promised_;
  std::map<transfer_id, ticket::transfer_status> transfer_statuses_;
  std::map<reservation_id, user_id> first_owners_;
  sale_promises promises_;
  line_promises line_;
  std::string failure_;
  bool faulty_ = false;
  bool changed_ = false;
  bool crashing_ = false;
  bool healing_ = false;
};

} // namespace

run_result simulate(std::uint64_t seed) {
  world w(seed);
  try {
    w.run();
  } catch (const violation& v) {
    w.result.violation = v.what();
  }
  return std::move(w.result);
}

} // namespace tiketi::sim
