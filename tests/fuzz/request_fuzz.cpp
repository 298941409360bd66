// Feeds bytes to everything between the socket and the handlers: request parser, path normaliser,
// router, filters, JSON bodies, cookies. The first byte says in which pieces the rest arrives.

#include "net/http/filters.hpp"
#include "net/http/json_body.hpp"
#include "net/http/request_parser.hpp"
#include "net/http/target.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>

namespace tiketi::net {
namespace {

constexpr std::size_t header_bytes_max = 4096;
constexpr std::size_t body_bytes_max = 4096;

void require(bool condition) {
  if (!condition)
    std::abort();
}

struct setup {
  setup() {
    const auto add = [&](verb method, const char* pattern, access who, body_rule body) {
      routes->add({.method = method,
                   .pattern = pattern,
                   .who = who,
                   .limit = rate_category::general,
                   .body = body,
                   .handle = [](front&, const exchange_ptr&) {}});
    };
    add(verb::get, "/api/events/{id}", access::open, body_rule::none);
    add(verb::post, "/api/seats/reserve", access::user, body_rule::json);
    add(verb::post, "/api/reservations/{id}/cancel", access::user, body_rule::optional);
    add(verb::get, "/api/admin/{a}/{b}", access::admin, body_rule::none);
    add(verb::post, "/internal/x", access::internal, body_rule::json);
    filter_options o;
    o.trusted_proxies = {"10.0.0.0/8", "127.0.0.1"};
    o.internal_tokens = {"internal"};
    chain.emplace(o, routes, *env);
  }

  std::shared_ptr<router> routes = std::make_shared<router>();
  std::unique_ptr<environment> env = make_seeded_environment(1, [] { return from_millis(0); });
  std::optional<filters> chain;
  token_cache tokens{[](std::string_view token, time_point) -> result<verified_token> {
                       if (token.starts_with("u"))
                         return verified_token{{user_id{}, "", "user"}, from_millis(1)};
                       return errc::unauthenticated;
                     },
                     16};
};

/// What every handler and every check may rely on.
void check_path(std::string_view path) {
  require(!path.empty() && path.front() == '/');
  require(is_utf8(path));
  require(path.find("//") == std::string_view::npos);
  require(path.find_first_of(std::string_view{"\\;\0\r\n", 5}) == std::string_view::npos);
  require(path.size() == 1 || path.back() != '/');
  for (const std::string_view dots : {"/./", "/../"})
    require((std::string(path) + "/").find(dots) == std::string::npos);
}

void read_body(std::string_view text) {
  json_body in{text};
  in.text("text", {.min = 1, .max = 20});
  in.number("n", {.min = 0, .max = 100});
  in.optional_number("m", {});
  in.id("id");
  in.ids("ids", 4);
  auto items = in.objects("items", 4);
  for (std::size_t i = 0; i < items.size(); ++i) {
    items[i].number("q", {});
    in.adopt("items", i, items[i]);
  }
  if (!in.ok())
    require(nlohmann::json::parse(in.error().body, nullptr, false).is_object());
}

void handle(setup& s, request& req, const std::string& target) {
  passage seen;
  auto answer =
      s.chain->enter(req, target, boost::asio::ip::make_address("127.0.0.1"), s.tokens, seen);
  if (!answer) {
    require(seen.found != nullptr);
    check_path(req.path);
    answer = s.chain->leave(req, seen);
  }
  if (answer && answer->status >= 400)
    require(nlohmann::json::parse(answer->body, nullptr, false).is_object());
  req.cookie("access_token");
  read_body(req.body);
}

void run(std::string_view bytes) {
  static setup s;
  const std::size_t piece = bytes.empty() ? 1 : 1 + static_cast<unsigned char>(bytes.front());
  if (!bytes.empty())
    bytes.remove_prefix(1);

  // The same bytes as a bare target, so that the normaliser is reached without a valid request.
  request bare;
  bare.method = verb::get;
  if (parse_target(bytes, bare)) {
    check_path(bare.path);
    // Normalising is idempotent as far as routing goes: nothing that was refused comes back.
    s.routes->find(bare.method, bare.path);
  }
  read_body(bytes);

  request req;
  std::optional<request_parser> parser;
  parser.emplace(req, header_bytes_max, body_bytes_max);
  std::string unread;
  while (!bytes.empty()) {
    const auto n = std::min(piece, bytes.size());
    unread.append(bytes.substr(0, n));
    bytes.remove_prefix(n);
    for (;;) {
      boost::system::error_code ec;
      const auto used = parser->put(boost::asio::buffer(unread), ec);
      require(used <= unread.size());
      unread.erase(0, used);
      if (ec && ec != boost::beast::http::error::need_more)
        return;
      require(req.body.size() <= body_bytes_max);
      if (parser->is_done()) {
        handle(s, req, parser->target());
        req = {};
        parser.emplace(req, header_bytes_max, body_bytes_max);
        if (unread.empty())
          break;
        continue;
      }
      if (ec || unread.empty())
        break;
    }
  }
}

} // namespace
} // namespace tiketi::net

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tiketi::net::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
