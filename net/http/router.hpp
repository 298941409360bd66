#pragma once

#include "net/http/front.hpp"
#include "net/http/message.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tiketi::net {

/// Who may call. Checked before the body is looked at.
enum class access : std::uint8_t {
  open,     ///< anybody
  user,     ///< 401 without a valid access token
  admin,    ///< 401, then 403
  internal, ///< `Authorization: Bearer <internal token>`: 401 missing, 403 wrong
};

/// Which rate limit counts this request. `exempt`: none.
enum class rate_category : std::uint8_t { general, auth, queue, booking, exempt };

enum class body_rule : std::uint8_t {
  none,     ///< any body is ignored (beacons send text/plain)
  json,     ///< a JSON body is required; 415 for another declared type
  optional, ///< JSON, or nothing
};

/// What the header `Idempotency-Key` means for a route that creates or moves money or stock, and
/// what becomes of a run that a crash interrupted.
enum class repeatable : std::uint8_t {
  no,     ///< the header means nothing
  safely, ///< run it again: it has no second effect, by its nature or by the key it hands on
  once,   ///< never run it again: it would take effect twice
};

using handler = std::function<void(front&, const exchange_ptr&)>;

struct route {
  verb method = verb::get;
  std::string pattern; ///< `/api/events/{id}`: a capture is one whole segment
  access who = access::open;
  rate_category limit = rate_category::general;
  body_rule body = body_rule::none;
  handler handle;
  std::size_t index = 0; ///< place in `router::all()`; given by the router
  /// Longest body where it may be longer than the server's limit for all; 0: that limit. Who may
  /// not call is answered before such a body is read.
  std::size_t body_bytes_max = 0;
  /// Told of logged-in callers who lack the role (`access::admin`), for an audit log; may be empty.
  /// Runs on a socket's thread: must not block.
  std::function<void(const request&)> refused = {};
  repeatable repeats = repeatable::no;
};

/// `GET`, …; `OTHER` for methods that no route can have.
std::string_view to_string_view(verb method) noexcept;
verb parse_verb(std::string_view name) noexcept;

/// All routes by method and normalised path. Immutable once the server runs.
class router {
public:
  /// A programming error (two routes for one method and path) throws std::logic_error.
  void add(route r);

  /// Replaces each handler by what `f` makes of it. The routes stay where they are.
  void decorate(const std::function<handler(const route&)>& f);

  struct match {
    const route* found = nullptr;
    std::vector<std::string> captures;
    std::string allow; ///< for 405: the methods of this path; empty: 404
  };

  match find(verb method, std::string_view path) const;

  const std::vector<std::unique_ptr<route>>& all() const noexcept { return routes_; }

private:
  struct node {
    std::map<std::string, std::unique_ptr<node>, std::less<>> children;
    std::unique_ptr<node> capture;
    std::map<verb, const route*> routes;
  };

  std::vector<std::unique_ptr<route>> routes_;
  node root_;
};

} // namespace tiketi::net
