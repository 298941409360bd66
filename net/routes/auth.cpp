#include "net/routes/auth.hpp"

#include "net/http/json_body.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

namespace tiketi::net {

namespace {

using deps_ptr = std::shared_ptr<const auth_routes>;

constexpr std::size_t user_batch_max = 1000;

/// Of a field whose length the account rules check.
constexpr json_body::text_rule free_text{0, std::numeric_limits<std::size_t>::max(), false};

/// `Sun, 22 Feb 2026 10:00:00 GMT`
std::string http_date(time_point t) {
  using namespace std::chrono;
  constexpr std::array<std::string_view, 7> weekdays{"Sun", "Mon", "Tue", "Wed",
                                                     "Thu", "Fri", "Sat"};
  constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = floor<days>(t);
  const year_month_day date{day};
  const hh_mm_ss clock{floor<std::chrono::seconds>(t - day)};
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                     weekdays[weekday{day}.c_encoding()], static_cast<unsigned>(date.day()),
                     months[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

void set_cookie(response& out, const auth_routes& deps, std::string_view name,
                std::string_view value, std::string_view path, std::chrono::seconds age,
                time_point now) {
  out.headers.emplace_back(
      "Set-Cookie",
      fmt::format("{}={}; Path={}; Max-Age={}; Expires={}; HttpOnly; SameSite=Lax{}", name, value,
                  path, age.count(), http_date(age.count() == 0 ? time_point{} : now + age),
                  deps.secure_cookies ? "; Secure" : ""));
}

/// The refresh cookie goes to `/api/auth` and to `/api/v1/auth`, hence its path.
void set_session_cookies(response& out, const auth_routes& deps, const auth::session& s,
                         time_point now) {
  set_cookie(out, deps, "access_token", s.access_token, "/", deps.access_ttl, now);
  set_cookie(out, deps, "refresh_token", s.refresh_token, "/api", deps.refresh_ttl, now);
}

/// The tokens stand in the body too, for clients that are no browsers.
response session_response(int status, std::string_view message, const auth_routes& deps,
                          const auth::session& s, time_point now,
                          const nlohmann::json& more_of_user = nlohmann::json::object()) {
  const auto id = to_string(s.user.id);
  nlohmann::json user{{"id", id},
                      {"userId", id},
                      {"email", s.user.email},
                      {"name", s.user.name},
                      {"role", s.user.role}};
  user.update(more_of_user);
  auto out = json_response(status, {{"message", message},
                                    {"token", s.access_token},
                                    {"refreshToken", s.refresh_token},
                                    {"user", std::move(user)}});
  out.headers.emplace_back("Cache-Control", "no-store");
  set_session_cookies(out, deps, s, now);
  return out;
}

response throttled_response(milliseconds wait) {
  const auto whole = std::max<std::int64_t>(1, std::chrono::ceil<seconds>(wait).count());
  auto out = error_response(
      {errc::rate_limited, fmt::format("Too many failed logins. Try again in {} seconds.", whole)});
  std::erase_if(out.headers, [](const auto& h) { return h.first == "Retry-After"; });
  out.headers.emplace_back("Retry-After", std::to_string(whole));
  return out;
}

/// True when the command is acceptable; otherwise 400 is answered.
template <class Command>
bool accept(const exchange_ptr& x, json_body& in, const Command& cmd) {
  if (in.ok())
    for (auto& problem : auth::problems_of(cmd))
      in.complain(problem.field, std::move(problem.text));
  if (in.ok())
    return true;
  x->reply(in.error());
  return false;
}

void post_register(const deps_ptr& deps, front& f, const exchange_ptr& x) {
  json_body in{x->req().body};
  auth::register_account cmd;
  cmd.email = in.text("email", free_text);
  cmd.password = in.text("password", free_text);
  cmd.name = in.text("name", free_text);
  cmd.phone = in.text("phone", free_text);
  if (!accept(x, in, cmd))
    return;
  f.ask<auth::session>(
      x, deps->auth, std::move(cmd), [deps, &env = f.env()](const auth::session& s) {
        return session_response(201, "Registration completed", *deps, s, env.now());
      });
}

void post_login(const deps_ptr& deps, front& f, const exchange_ptr& x) {
  json_body in{x->req().body};
  auth::login cmd;
  cmd.email = in.text("email", free_text);
  cmd.password = in.text("password", free_text);
  if (!accept(x, in, cmd))
    return;
  f.ask<auth::login_outcome>(
      x, deps->auth, std::move(cmd), [deps, &env = f.env()](const auth::login_outcome& o) {
        if (!o.opened)
          return throttled_response(o.wait);
        return session_response(200, "Login successful", *deps, *o.opened, env.now());
      });
}

void post_google(const deps_ptr& deps, front& f, const exchange_ptr& x) {
  json_body in{x->req().body};
  auth::google_login cmd{in.text("credential", free_text), x->req().trace};
  if (in.ok() && cmd.credential.find_first_not_of(" \t\r\n") == std::string::npos)
    in.complain("credential", "Google credential is required");
  if (!in.ok())
    return x->reply(in.error());
  f.ask<auth::google_session>(
      x, deps->auth, std::move(cmd), [deps, &env = f.env()](const auth::google_session& s) {
        const auto picture =
            s.picture.empty() ? nlohmann::json(nullptr) : nlohmann::json(s.picture);
        return session_response(200, "Google login successful", *deps, s.opened, env.now(),
                                {{"picture", picture}});
      });
}

void post_refresh(const deps_ptr& deps, front& f, const exchange_ptr& x) {
  auth::refresh_session cmd;
  if (auto cookie = x->req().cookie("refresh_token"))
    cmd.refresh_token = std::move(*cookie);
  if (cmd.refresh_token.empty()) {
    json_body in{x->req().body};
    cmd.refresh_token = in.text("refreshToken", free_text);
    if (!in.ok())
      return x->reply(in.error());
  }
  f.ask<auth::session>(x, deps->auth, std::move(cmd),
                       [deps, &env = f.env()](const auth::session& s) {
                         return session_response(200, "Token refreshed", *deps, s, env.now());
                       });
}

/// Always 200: a client that wants to be logged out is, whatever it still holds.
void post_logout(const deps_ptr& deps, front& f, const exchange_ptr& x) {
  auth::logout cmd;
  if (x->req().who)
    cmd.user = x->req().who->user;
  cmd.refresh_token = x->req().cookie("refresh_token").value_or("");
  const auto answer = [deps, &env = f.env()] {
    auto out = json_response({{"message", "Logged out successfully"}});
    out.headers.emplace_back("Cache-Control", "no-store");
    set_cookie(out, *deps, "access_token", "", "/", seconds{0}, env.now());
    set_cookie(out, *deps, "refresh_token", "", "/api", seconds{0}, env.now());
    return out;
  };
  f.ask_or<auth::logged_out>(
      x, deps->auth, std::move(cmd), [answer](const auth::logged_out&) { return answer(); },
      [x, answer](const failure& why) {
        spdlog::warn("auth: a logout did not end its sessions: {}", why.text);
        x->reply(answer());
      });
}

void get_me(const deps_ptr& deps, front& f, const exchange_ptr& x) {
  f.ask_or<auth::user_view>(
      x, deps->auth, auth::get_user{x->req().who->user},
      [](const auth::user_view& user) {
        auto out = json_response({{"user",
                                   {{"id", to_string(user.id)},
                                    {"email", user.email},
                                    {"name", user.name},
                                    {"role", user.role},
                                    {"createdAt", to_iso(user.created_at)}}}});
        out.headers.emplace_back("Cache-Control", "no-store");
        return out;
      },
      [x](const failure& why) {
        x->reply(error_response(
            why.code == errc::not_found ? failure{errc::invalid_request, "User not found"} : why));
      });
}

void post_verify_token(const deps_ptr& deps, front& f, const exchange_ptr& x) {
  json_body in{x->req().body};
  auth::verify_token query{
      in.text("token", {.min = 1, .max = std::numeric_limits<std::size_t>::max()})};
  if (!in.ok())
    return x->reply(in.error());
  f.ask<auth::user_view>(x, deps->auth, std::move(query), [](const auth::user_view& user) {
    return json_response({{"valid", true},
                          {"user",
                           {{"userId", to_string(user.id)},
                            {"email", user.email},
                            {"name", user.name},
                            {"role", user.role}}}});
  });
}

nlohmann::json internal_user(const auth::user_view& user) {
  return {
      {"id", to_string(user.id)}, {"email", user.email}, {"name", user.name}, {"role", user.role}};
}

void internal_one(const deps_ptr& deps, front& f, const exchange_ptr& x) {
  const auto id = capture_id(x, 0);
  if (!id)
    return;
  f.ask_or<auth::user_view>(
      x, deps->auth, auth::get_user{user_id{*id}},
      [](const auth::user_view& user) {
        return json_response({{"user", internal_user(user)}});
      },
      [x](const failure& why) {
        x->reply(error_response(
            why.code == errc::not_found ? failure{errc::not_found, "User not found"} : why));
      });
}

void internal_batch(const deps_ptr& deps, front& f, const exchange_ptr& x) {
  json_body in{x->req().body};
  auth::get_users query;
  for (const auto& id : in.ids("userIds", user_batch_max))
    query.ids.push_back(user_id{id});
  if (in.ok() && query.ids.empty())
    in.complain("userIds", "must not be empty");
  if (!in.ok())
    return x->reply(in.error());
  f.ask<auth::user_list>(x, deps->auth, std::move(query), [](const auth::user_list& list) {
    auto users = nlohmann::json::array();
    for (const auto& user : list.users)
      users.push_back(internal_user(user));
    return json_response({{"users", std::move(users)}});
  });
}

} // namespace

void add_auth_routes(router& routes, auth_routes given) {
  const auto deps = std::make_shared<const auth_routes>(std::move(given));
  const auto add = [&](verb method, std::string pattern, access who, rate_category limit,
                       body_rule body, void (*run)(const deps_ptr&, front&, const exchange_ptr&)) {
    routes.add({method, std::move(pattern), who, limit, body,
                [deps, run](front& f, const exchange_ptr& x) { run(deps, f, x); }});
  };
  constexpr auto limit = rate_category::auth;
  add(verb::post, "/api/auth/register", access::open, limit, body_rule::json, post_register);
  add(verb::post, "/api/auth/login", access::open, limit, body_rule::json, post_login);
  add(verb::post, "/api/auth/refresh", access::open, limit, body_rule::optional, post_refresh);
  add(verb::post, "/api/auth/logout", access::open, limit, body_rule::none, post_logout);
  add(verb::post, "/api/auth/verify-token", access::open, limit, body_rule::json,
      post_verify_token);
  add(verb::post, "/api/auth/google", access::open, limit, body_rule::json, post_google);
  add(verb::get, "/internal/users/{id}", access::internal, rate_category::exempt, body_rule::none,
      internal_one);
  add(verb::post, "/internal/users/batch", access::internal, rate_category::exempt, body_rule::json,
      internal_batch);
  add(verb::get, "/api/auth/me", access::user, rate_category::exempt, body_rule::none, get_me);
}

} // namespace tiketi::net
