#include "net/http/router.hpp"

#include <array>
#include <stdexcept>

namespace tiketi::net {

namespace {

/// Takes the first segment off `path`, which starts with a slash.
std::string_view take_segment(std::string_view& path) {
  path.remove_prefix(1);
  const auto end = path.find('/');
  const auto segment = path.substr(0, end);
  path = end == std::string_view::npos ? std::string_view{} : path.substr(end);
  return segment;
}

bool is_capture(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

struct verb_name {
  verb method;
  std::string_view name;
};

constexpr std::array verb_names{
    verb_name{verb::get, "GET"},         verb_name{verb::head, "HEAD"},
    verb_name{verb::post, "POST"},       verb_name{verb::put, "PUT"},
    verb_name{verb::patch, "PATCH"},     verb_name{verb::del, "DELETE"},
    verb_name{verb::options, "OPTIONS"},
};

} // namespace

std::string_view to_string_view(verb method) noexcept {
  for (const auto& entry : verb_names)
    if (entry.method == method)
      return entry.name;
  return "OTHER";
}

verb parse_verb(std::string_view name) noexcept {
  for (const auto& entry : verb_names)
    if (entry.name == name)
      return entry.method;
  return verb::other;
}

void router::add(route r) {
  if (r.pattern.empty() || r.pattern.front() != '/' || !r.handle || r.method == verb::head
      || r.method == verb::options || r.method == verb::other)
    throw std::logic_error("not a route: " + r.pattern);
  node* at = &root_;
  std::string_view rest = r.pattern;
  while (!rest.empty()) {
    const auto segment = take_segment(rest);
    if (segment.empty() && r.pattern.size() > 1)
      throw std::logic_error("empty segment in route " + r.pattern);
    auto& next = is_capture(segment) ? at->capture : at->children[std::string(segment)];
    if (!next)
      next = std::make_unique<node>();
    at = next.get();
  }
  r.index = routes_.size();
  auto owned = std::make_unique<route>(std::move(r));
  if (!at->routes.emplace(owned->method, owned.get()).second)
    throw std::logic_error("two routes for " + std::string(to_string_view(owned->method)) + " "
                           + owned->pattern);
  routes_.push_back(std::move(owned));
}

void router::decorate(const std::function<handler(const route&)>& f) {
  for (auto& r : routes_)
    r->handle = f(*r);
}

router::match router::find(verb method, std::string_view path) const {
  match out;
  if (path.empty() || path.front() != '/')
    return out;
  // HEAD is GET without the body.
  const verb wanted = method == verb::head ? verb::get : method;
  std::array<bool, static_cast<std::size_t>(verb::other) + 1> seen{};
  // A literal segment wins over a capture; where it leads to no route, the capture is tried too.
  // Patterns are few segments deep, so the recursion is bounded by them and not by the path.
  // True: this is the path, whether or not it has the method.
  const auto visit = [&](const auto& self, const node& at, std::string_view rest) -> bool {
    if (rest.empty()) {
      const auto it = at.routes.find(wanted);
      if (it != at.routes.end())
        out.found = it->second;
      else
        for (const auto& entry : at.routes)
          seen[static_cast<std::size_t>(entry.first)] = true;
      return !at.routes.empty();
    }
    const auto segment = take_segment(rest);
    const auto child = at.children.find(segment);
    if (child != at.children.end() && self(self, *child->second, rest))
      return true;
    if (at.capture && !segment.empty()) {
      out.captures.emplace_back(segment);
      if (self(self, *at.capture, rest))
        return true;
      out.captures.pop_back();
    }
    return false;
  };
  if (visit(visit, root_, path) && out.found)
    return out;
  out.captures.clear();
  for (const auto& entry : verb_names) {
    const bool implied = entry.method == verb::head && seen[static_cast<std::size_t>(verb::get)];
    if (!seen[static_cast<std::size_t>(entry.method)] && !implied)
      continue;
    if (!out.allow.empty())
      out.allow += ", ";
    out.allow += entry.name;
  }
  if (!out.allow.empty())
    out.allow += ", OPTIONS";
  return out;
}

} // namespace tiketi::net
