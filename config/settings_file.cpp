// In a file of its own, because toml++ is a large header.
#include "config/settings.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

namespace tiketi::config {

namespace {

/// The entry as text for `assign`, or nothing where its type does not fit the row.
std::optional<std::string> as_text(const toml::node& node, const row& r) {
  struct visitor {
    const toml::node& node;

    std::optional<std::string> operator()(bool settings::*) const {
      const auto value = node.value_exact<bool>();
      return value ? std::optional<std::string>{*value ? "true" : "false"} : std::nullopt;
    }
    std::optional<std::string> operator()(std::int64_t settings::*) const { return number(); }
    std::optional<std::string> operator()(std::chrono::seconds settings::*) const {
      return number();
    }
    std::optional<std::string> operator()(std::chrono::milliseconds settings::*) const {
      return number();
    }
    std::optional<std::string> operator()(std::string settings::*) const {
      return node.value_exact<std::string>();
    }
    std::optional<std::string> operator()(std::vector<std::string> settings::*) const {
      const auto* list = node.as_array();
      if (list == nullptr)
        return std::nullopt;
      std::string out;
      for (const auto& entry : *list) {
        const auto text = entry.value_exact<std::string>();
        // A comma would come out as two entries.
        if (!text || text->find(',') != std::string::npos)
          return std::nullopt;
        out += (out.empty() ? "" : ",") + *text;
      }
      return out;
    }

    std::optional<std::string> number() const {
      const auto value = node.value_exact<std::int64_t>();
      return value ? std::optional{std::to_string(*value)} : std::nullopt;
    }
  };
  return std::visit(visitor{node}, r.target);
}

std::string_view type_text(const row& r) {
  struct visitor {
    std::string_view operator()(bool settings::*) const { return "true or false"; }
    std::string_view operator()(std::int64_t settings::*) const { return "a whole number"; }
    std::string_view operator()(std::chrono::seconds settings::*) const {
      return "a whole number of seconds";
    }
    std::string_view operator()(std::chrono::milliseconds settings::*) const {
      return "a whole number of milliseconds";
    }
    std::string_view operator()(std::string settings::*) const { return "a text in quotes"; }
    std::string_view operator()(std::vector<std::string> settings::*) const {
      return "a list of texts without commas";
    }
  };
  return std::visit(visitor{}, r.target);
}

} // namespace

void load_toml(settings& values, std::string_view text, const std::string& file_name) {
  toml::table document;
  try {
    document = toml::parse(text, file_name);
  } catch (const toml::parse_error& e) {
    throw settings_error(fmt::format("{}:{}: not a TOML file: {}\n", file_name,
                                     e.source().begin.line, e.description()));
  }
  std::string errors;
  auto complain = [&](const toml::node& node, std::string_view sentence) {
    errors += fmt::format("{}:{}: {}\n", file_name, node.source().begin.line, sentence);
  };
  for (const auto& [section, node] : document) {
    const auto* keys = node.as_table();
    if (keys == nullptr) {
      complain(node, fmt::format("'{}' stands outside a section; write [section] above it",
                                 section.str()));
      continue;
    }
    for (const auto& [key, value] : *keys) {
      const auto name = fmt::format("{}.{}", section.str(), key.str());
      const auto* r = find_row(name);
      if (r == nullptr) {
        complain(value, fmt::format("{} is no setting; docs/settings.md lists them", name));
      } else if (!r->secret.empty()) {
        complain(value, fmt::format("{} is a secret and must not stand in a file of settings; set "
                                    "{} or {}_FILE in the environment",
                                    name, r->secret, r->secret));
      } else if (const auto as = as_text(value, *r); !as) {
        complain(value, fmt::format("{} must be {}", name, type_text(*r)));
      } else if (const auto wrong = assign(values, *r, *as)) {
        complain(value, *wrong);
      }
    }
  }
  if (!errors.empty())
    throw settings_error(errors);
}

} // namespace tiketi::config
