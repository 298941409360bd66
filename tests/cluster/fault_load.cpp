#include "tests/cluster/fault_load.hpp"

#include "tests/sale/sale_client.hpp"
#include "tests/support/http_client.hpp"

#include <algorithm>
#include <atomic>
#include <iostream>
#include <random>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

namespace tiketi::test {

namespace asio = boost::asio;
using std::chrono::milliseconds;

namespace {

constexpr int attempts_max = 8;

/// Did it happen, will it happen, or not at all? Only a repetition can tell.
bool says_nothing(const http_reply& reply) {
  return reply.status == 0 || reply.status >= 500 || reply.status == 429;
}

std::string code_of(const http_reply& reply) {
  const auto body = reply.json();
  return body.is_object() ? body.value("code", "") : std::string{};
}

/// One person with a session and entry tokens, who talks to any node.
struct person {
  std::size_t number = 0;
  std::string id;
  std::string token;
  std::map<std::string, std::string> entry; ///< by event
  std::vector<http_connection> nodes;
  std::mt19937_64 chance;
};

/// A command that was repeated until it was answered.
struct outcome {
  http_reply reply;            ///< the last one
  std::int64_t first_call = 0; ///< of the first attempt
  std::int64_t last_call = 0;
  std::int64_t end = 0;
  std::string node;   ///< that was asked last
  bool doubt = false; ///< an earlier attempt, or this one, may still have an effect
};

} // namespace

struct fault_load::impl {
  explicit impl(load_options o)
      : options(std::move(o)), served(options.halls.size()), kept(options.halls.size()) {
    for (auto& at : served)
      at = 0;
  }

  load_options options;
  asio::io_context io;
  std::thread thread;
  std::atomic<bool> stopping{false};
  std::vector<person> people;
  std::vector<std::atomic<std::int64_t>> served; ///< by hall: call of the last command that worked
  std::vector<std::size_t> kept;                 ///< by hall: seats that nobody gives back
  std::exception_ptr broken;

  std::vector<ledger_line> told;
  seat_history history;
  std::vector<stay_in_line> stays;
  std::size_t surprises = 0;
  std::map<std::string, std::size_t> answers;

  void spawn(asio::awaitable<void> work) {
    asio::co_spawn(io, std::move(work), [this](std::exception_ptr e) {
      if (e)
        broken = e;
    });
  }

  bool is_visitor(const person& who) const { return who.number >= options.clients; }

  http_connection& any_node(person& who, std::string& name) {
    const auto node = who.chance() % who.nodes.size();
    name = "node-" + std::to_string(node + 1);
    return who.nodes[node];
  }

  asio::awaitable<outcome> insist(person& who, const char* what, std::string target,
                                  nlohmann::json body, std::string event) {
    outcome out;
    header_list headers;
    headers.emplace_back("Authorization", "Bearer " + who.token);
    if (const auto entry = who.entry.find(event); entry != who.entry.end())
      headers.emplace_back("x-queue-entry-token", entry->second);
    const std::string text = body.is_null() ? "" : body.dump();
    for (int attempt = 0; attempt < attempts_max; ++attempt) {
      auto& node = any_node(who, out.node);
      out.last_call = now_ns();
      if (attempt == 0)
        out.first_call = out.last_call;
      out.reply = co_await node.send("POST", target, text, headers);
      out.end = now_ns();
      ++answers[what + (" " + std::to_string(out.reply.status))];
      if (!says_nothing(out.reply))
        co_return out;
      if (out.reply.status == 500)
        surprise(what, out.reply);
      out.doubt = true;
      if (stopping && attempt >= 3)
        break;
      co_await pause(milliseconds{20 + who.chance() % 80 * static_cast<unsigned>(attempt + 1)});
    }
    co_return out;
  }

  void surprise(const char* what, const http_reply& reply) {
    if (++surprises <= 20)
      std::cout << "  surprise: " << what << " answered " << reply.status << ' ' << reply.body
                << std::endl;
  }

  void worked(std::size_t hall, const outcome& o) {
    auto& at = served[hall];
    at = std::max(at.load(), o.last_call);
  }

  void note(const outcome& o, const person& who, std::string_view op, const std::string& hold,
            const std::vector<std::string>& seats, std::string_view result) {
    for (const auto& seat : seats) {
      seat_operation operation;
      operation.seat = seat;
      operation.op = op;
      operation.hold = hold;
      operation.outcome = result;
      operation.client = who.number;
      operation.node = o.node;
      if (op == "claim") {
        // As long as somebody may have to find out, on the server, what became of it.
        operation.call = o.first_call;
        operation.end = o.end + std::chrono::nanoseconds{options.doubt}.count();
      } else if (op == "expire") {
        // A server's clock is this machine's, but it counts in milliseconds.
        operation.call =
            o.first_call + std::chrono::nanoseconds{options.hold_ttl - milliseconds{50}}.count();
      } else if (result == "unknown") {
        operation.call = o.first_call;
      } else {
        // What is refused was refused by the last attempt; the earlier ones stand for themselves.
        operation.call = result == "refused" ? o.last_call : o.first_call;
        operation.end = o.end;
      }
      history.add(std::move(operation));
    }
  }

  asio::awaitable<void> buy(person& who) {
    const auto at = who.chance() % options.halls.size();
    const auto& place = options.halls[at];
    std::vector<std::string> seats{place.seats[who.chance() % place.seats.size()]};
    if (who.chance() % 6 == 0) {
      const auto& second = place.seats[who.chance() % place.seats.size()];
      if (second != seats[0])
        seats.push_back(second);
    }
    const auto key = random_uuid(who.chance);
    nlohmann::json body;
    body["eventId"] = place.event;
    body["seatIds"] = seats;
    body["idempotencyKey"] = key;
    const auto held =
        co_await insist(who, "reserve", "/api/v1/seats/reserve", std::move(body), place.event);
    if (held.doubt)
      note(held, who, "claim", key, seats, "unknown");
    if (held.reply.status != 200) {
      if (held.doubt) {
        note(held, who, "hold", key, seats, "unknown");
        note(held, who, "expire", key, seats, "unknown");
      }
      if (held.reply.status == 409 && code_of(held.reply) == "seat_unavailable")
        note(held, who, seats.size() == 1 ? "hold" : "attempt", key + "/refused", seats, "refused");
      else if (!says_nothing(held.reply))
        surprise("reserve", held.reply);
      co_return;
    }
    worked(at, held);
    note(held, who, "hold", key, seats, "ok");
    const auto index = told.size();
    ledger_line line;
    line.reservation = held.reply.json().at("reservation").at("id").get<std::string>();
    line.user = who.id;
    line.key = key;
    line.event = place.event;
    line.seats = seats;
    told.push_back(std::move(line));

    const auto dice = who.chance() % 10;
    if (dice < 6) {
      if (dice < 2) // some at the last moment
        co_await pause(options.hold_ttl - milliseconds{300} + milliseconds{who.chance() % 600});
      co_await settle(who, at, index);
    }
    // Most give back what they bought, and no hall is sold out however long the load lasts: whether
    // it is served shows in holds that succeed.
    const bool keeps = dice == 5 && kept[at] < place.seats.size() / 2 && who.chance() % 4 == 0;
    bool released = false;
    if (keeps)
      kept[at] += seats.size();
    else if (dice < 6 || dice == 8)
      released = co_await give_back(who, at, index);
    // What may have happened at any time costs the judge most: only where it is possible.
    if (!released)
      note(held, who, "expire", key, seats, "unknown");
  }

  asio::awaitable<void> settle(person& who, std::size_t at, std::size_t index) {
    told[index].pay_asked = true;
    nlohmann::json body;
    body["reservationId"] = told[index].reservation;
    body["paymentMethod"] = "naver_pay";
    const auto paid =
        co_await insist(who, "pay", "/api/v1/payments/process", std::move(body), std::string{});
    const auto seats = told[index].seats;
    const auto key = told[index].key;
    if (paid.reply.status == 200) {
      told[index].paid = true;
      worked(at, paid);
      note(paid, who, "confirm", key, seats, "ok");
    } else if (paid.doubt) {
      note(paid, who, "confirm", key, seats, "unknown");
    }
  }

  /// True: that it was given back is certain.
  asio::awaitable<bool> give_back(person& who, std::size_t at, std::size_t index) {
    told[index].cancel_asked = true;
    const auto target = "/api/v1/reservations/" + told[index].reservation + "/cancel";
    auto given = co_await insist(who, "cancel", target, nullptr, std::string{});
    for (int again = 0; again < 10 && says_nothing(given.reply) && !stopping; ++again) {
      const auto first_call = given.first_call;
      given = co_await insist(who, "cancel", target, nullptr, std::string{});
      given.first_call = first_call;
      given.doubt = true;
    }
    const auto seats = told[index].seats;
    const auto key = told[index].key;
    if (given.reply.status == 200) {
      told[index].cancelled = true;
      worked(at, given);
      note(given, who, "release", key, seats, "ok");
    } else if (given.doubt) {
      note(given, who, "release", key, seats, "unknown");
    } else if (told[index].paid) { // an unpaid hold may have expired
      surprise("cancel", given.reply);
    }
    co_return given.reply.status == 200;
  }

  asio::awaitable<void> shop(person& who) {
    while (!stopping) {
      co_await buy(who);
      co_await pause(milliseconds{5 + who.chance() % 60});
    }
  }

  asio::awaitable<bool> look(person& who, stay_in_line& stay, std::string& status) {
    std::string name;
    auto& node = any_node(who, name);
    header_list headers;
    headers.emplace_back("Authorization", "Bearer " + who.token);
    stay_in_line::look seen;
    seen.call = now_ns();
    const auto reply = co_await node.get("/api/v1/queue/status/" + options.queue, headers);
    seen.end = now_ns();
    ++answers["status " + std::to_string(reply.status)];
    if (reply.status != 200)
      co_return false;
    seen.status = status = reply.json().value("status", "");
    stay.looks.push_back(std::move(seen));
    co_return true;
  }

  asio::awaitable<void> wait_in_line(person& who) {
    while (!stopping) {
      const auto joined = co_await insist(who, "join", "/api/v1/queue/check/" + options.queue,
                                          nullptr, std::string{});
      if (joined.reply.status != 200) {
        if (!says_nothing(joined.reply))
          surprise("join", joined.reply);
        continue;
      }
      stay_in_line stay;
      stay.person = who.number;
      stay.join_call = joined.first_call;
      stay.join_end = joined.end;
      std::string status = "queued";
      std::size_t active = 0;
      const auto wanted = 3 + who.chance() % 8; // looks
      while (active < wanted && !stopping) {
        co_await pause(milliseconds{100 + who.chance() % 100});
        if (co_await look(who, stay, status)) {
          active += status == "active";
          if (status != "active" && status != "queued")
            break;
        }
      }
      stay.leave_call = now_ns();
      stays.push_back(stay);
      // A goodbye is durable only when its grace is over; until then an owner may take it into the
      // grave. The next joining is a new one when the person is seen to be gone.
      for (stay_in_line gone; !stopping && (status == "queued" || status == "active");) {
        const auto left = co_await insist(who, "leave", "/api/v1/queue/leave/" + options.queue,
                                          nullptr, std::string{});
        if (left.reply.status != 200 && !says_nothing(left.reply))
          surprise("leave", left.reply);
        co_await pause(milliseconds{2500});
        while (!stopping && !co_await look(who, gone, status))
          co_await pause(milliseconds{100});
      }
    }
  }

  asio::awaitable<void> let_in(person& who, bool& refused) {
    sale_client client{io.get_executor(), options.ports[who.number % options.ports.size()]};
    const auto mail = "load" + std::to_string(who.number) + "@example.com";
    bool well = co_await client.sign_up(mail);
    who.id = client.user_id;
    who.token = client.access_token();
    if (!is_visitor(who))
      for (const auto& place : options.halls) {
        well = well && co_await client.enter(place.event);
        who.entry[place.event] = client.entry_token();
      }
    refused = refused || !well;
  }
};

fault_load::fault_load(load_options o) : impl_(std::make_unique<impl>(std::move(o))) {
  const auto& options = impl_->options;
  const auto all = options.clients + (options.queue.empty() ? 0 : options.in_line);
  for (std::size_t i = 0; i < all; ++i) {
    person who;
    who.number = i;
    who.chance.seed(options.seed * 1000 + i);
    for (const auto port : options.ports) {
      who.nodes.emplace_back(impl_->io.get_executor(), port);
      who.nodes.back().patience = options.patience;
    }
    impl_->people.push_back(std::move(who));
  }
}

fault_load::~fault_load() {
  impl_->stopping = true;
  if (impl_->thread.joinable())
    impl_->thread.join();
}

bool fault_load::prepare() {
  bool refused = false;
  for (auto& who : impl_->people)
    impl_->spawn(impl_->let_in(who, refused));
  impl_->io.run();
  impl_->io.restart();
  return !refused && !impl_->broken;
}

void fault_load::start() {
  impl_->stopping = false;
  for (auto& who : impl_->people)
    impl_->spawn(impl_->is_visitor(who) ? impl_->wait_in_line(who) : impl_->shop(who));
  impl_->thread = std::thread([this] { impl_->io.run(); });
}

void fault_load::stop() {
  impl_->stopping = true;
  impl_->thread.join();
  impl_->io.restart();
  if (impl_->broken)
    std::rethrow_exception(impl_->broken);
}

bool fault_load::all_served(milliseconds timeout, std::string& silent) const {
  const auto begin = now_ns();
  const auto end = begin + std::chrono::nanoseconds{timeout}.count();
  for (;;) {
    silent.clear();
    for (std::size_t i = 0; i < impl_->served.size(); ++i)
      if (impl_->served[i] <= begin)
        silent += (silent.empty() ? "" : ", ") + impl_->options.halls[i].event;
    if (silent.empty() || now_ns() > end)
      return silent.empty();
    // Clients of another thread: the pause only saves processor time.
    std::this_thread::sleep_for(milliseconds{10});
  }
}

const std::vector<ledger_line>& fault_load::told() const {
  return impl_->told;
}

seat_history& fault_load::history() {
  return impl_->history;
}

const std::vector<stay_in_line>& fault_load::line() const {
  return impl_->stays;
}

std::size_t fault_load::surprises() const {
  return impl_->surprises;
}

const std::map<std::string, std::size_t>& fault_load::answers() const {
  return impl_->answers;
}

} // namespace tiketi::test
