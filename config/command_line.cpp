#include "config/command_line.hpp"

#include <algorithm>
#include <fstream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

extern char** environ;

namespace tiketi::config {

namespace {

std::string read_file(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  if (!in)
    throw settings_error(fmt::format("--config: the file '{}' cannot be read\n", path));
  return std::string{std::istreambuf_iterator<char>{in}, {}};
}

bool is_switch(const row& r) {
  return std::holds_alternative<bool settings::*>(r.target);
}

std::string option_text(const row& r) {
  std::string out{r.sentence};
  out += fmt::format(" [{}; {}{}{}]", r.fallback.empty() ? "empty" : r.fallback,
                     environment_name(r), r.variable.empty() ? "" : ", ", r.variable);
  return out;
}

/// Levenshtein distance: to name the setting that was probably meant.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> line(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j)
    line[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = line[0];
    line[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto above = line[j];
      line[j] = std::min({line[j] + 1, line[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return line[b.size()];
}

/// `--queue.admission-batch=1` and `--queue.admission_batch=1` are the same.
std::string with_underscores(std::string argument) {
  const auto end = std::min(argument.find('='), argument.size());
  const auto dot = argument.find('.');
  if (argument.starts_with("--") && dot < end)
    std::replace(argument.begin() + 2, argument.begin() + static_cast<std::ptrdiff_t>(end), '-',
                 '_');
  return argument;
}

std::string unknown_argument(std::string_view argument) {
  const auto name = argument.substr(0, argument.find('='));
  if (!name.starts_with("--"))
    return fmt::format("'{}' is no command; allowed: serve, migrate, dead-letters, cluster, and "
                       "options (see --help)\n",
                       name);
  const auto key = name.substr(2);
  if (const auto* r = find_row(key); r != nullptr && !r->secret.empty())
    return fmt::format("{} is a secret: other users of the machine can read a command line; set {} "
                       "or {}_FILE in the environment\n",
                       name, r->secret, r->secret);
  const row* nearest = nullptr;
  std::size_t best = 4; // further away is no typing error
  for (const auto& r : table())
    if (const auto d = distance(key, r.name); r.secret.empty() && d < best) {
      best = d;
      nearest = &r;
    }
  return fmt::format("{} is no setting{}; see --help\n", name,
                     nearest == nullptr ? "" : fmt::format(" (did you mean --{}?)", nearest->name));
}

} // namespace

environment_map process_environment() {
  environment_map out;
  for (char** v = environ; v != nullptr && *v != nullptr; ++v) {
    const std::string_view entry{*v};
    const auto at = entry.find('=');
    if (at != std::string_view::npos)
      out.emplace(entry.substr(0, at), entry.substr(at + 1));
  }
  return out;
}

start_request read_command_line(const std::vector<std::string>& arguments,
                                const environment_map& variables, const std::string& version) {
  CLI::App app{"tiketi sells seats for high-demand events.\n\n"
               "Every setting below can also stand in the file given by --config and in the "
               "environment;\nits default and its variable stand in brackets. Secrets (JWT_SECRET, "
               "INTERNAL_API_TOKEN,\nQUEUE_ENTRY_TOKEN_SECRET, each also as NAME_FILE) come from "
               "the environment only.",
               "tiketi"};
  app.allow_extras();
  // Own texts for wrong arguments; CLI11's say less.
  app.set_help_flag();
  bool help = false;
  bool print_version = false;
  bool dump_config = false;
  bool settings_doc = false;
  std::string file;
  app.add_flag("-h,--help", help, "Print this text and exit");
  app.add_flag("--version", print_version, "Print the version and exit");
  app.add_flag("--dump-config", dump_config,
               "Print all settings as they would be used, as a TOML file, and exit");
  app.add_flag("--settings-doc", settings_doc, "Print docs/settings.md and exit");
  app.add_option("--config", file, "File of settings (TOML) [none; TIKETI_CONFIG]")
      ->type_name("FILE")
      ->take_last();
  app.add_subcommand("serve", "Run the node (what happens without a command)");
  auto* migrate = app.add_subcommand("migrate", "Bring all databases to this version and exit");
  bool create = false;
  migrate->add_flag("--create", create,
                    "PostgreSQL: first make the databases and users that are missing, as "
                    "database.admin_user");
  auto* dead = app.add_subcommand("dead-letters",
                                  "list TOPIC: print events of a topic that their consumer could "
                                  "not apply; replay TOPIC: give them to it again; then exit");
  std::vector<std::string> dead_words;
  dead->add_option("words", dead_words, "list or replay, and the topic")->type_name("WORD");
  cluster_order out_cluster;
  auto* cluster = app.add_subcommand(
      "cluster",
      "status: print the members of the cluster; shards: who owns which; drain NODE: let "
      "it give its events to the others; join NODE: take that back; then exit. Asks the "
      "database, not the nodes. Exit code 3: with status, something is not well");
  std::vector<std::string> cluster_words;
  cluster->add_option("words", cluster_words, "status, shards, drain or join, and the node")
      ->type_name("WORD");
  cluster->add_flag("--json", out_cluster.json, "Print JSON");
  cluster
      ->add_option("--wait", out_cluster.wait_seconds,
                   "drain: wait so long for the node to own nothing; exit code 1 if it still does")
      ->type_name("SECONDS")
      ->check(CLI::Range(1, 3600));
  for (auto* command : app.get_subcommands({})) {
    command->fallthrough();
    command->set_help_flag();
  }

  // Everything arrives as text and goes through the table, so that all sources give one message.
  std::vector<std::string> given(table().size());
  std::vector<CLI::Option*> options(table().size(), nullptr);
  for (std::size_t i = 0; i < table().size(); ++i) {
    const auto& r = table()[i];
    if (!r.secret.empty())
      continue;
    std::string names = fmt::format("--{}", r.name);
    if (!r.alias.empty())
      names = fmt::format("{},{}", r.alias, names);
    const std::string section{r.name.substr(0, r.name.find('.'))};
    if (is_switch(r))
      options[i] = app.add_flag(names, given[i], option_text(r));
    else
      options[i] = app.add_option(names, given[i], option_text(r))
                       ->type_name(r.unit.empty() ? "VALUE" : std::string{r.unit})
                       ->expected(0, 1); // `--name=` is an empty list, or refused by the table
    options[i]->group(section)->take_last();
  }

  // CLI11 takes them from the back.
  std::vector<std::string> reversed;
  for (auto at = arguments.rbegin(); at != arguments.rend(); ++at)
    reversed.push_back(with_underscores(*at));
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError& e) {
    throw settings_error(std::string{e.what()} + "; see --help\n");
  }
  start_request out;
  if (help)
    return {action::print, {}, app.help(), {}};
  if (print_version)
    return {action::print, {}, "tiketi " + version + "\n", {}};
  if (settings_doc)
    return {action::print, {}, markdown(), {}};

  std::string errors;
  for (const auto& extra : app.remaining(true))
    errors += unknown_argument(extra);
  if (!errors.empty())
    throw settings_error(errors);

  auto env = variables;
  if (auto config = env.extract("TIKETI_CONFIG"); config && file.empty())
    file = config.mapped();
  out.values = defaults();
  if (!file.empty())
    load_toml(out.values, read_file(file), file);
  for (const auto& name : load_environment(out.values, env))
    out.warnings.push_back(fmt::format("environment variable {} is no setting; ignored", name));
  for (std::size_t i = 0; i < table().size(); ++i)
    if (options[i] != nullptr && options[i]->count() > 0)
      if (const auto wrong = assign(out.values, table()[i], given[i]))
        errors += fmt::format("--{}\n", *wrong);
  if (!errors.empty())
    throw settings_error(errors);

  if (dump_config) {
    out.what = action::print;
    out.text = dump(out.values);
  } else if (migrate->parsed()) {
    out.what = action::migrate;
    out.create = create;
  } else if (dead->parsed()) {
    if (dead_words.size() != 2 || (dead_words[0] != "list" && dead_words[0] != "replay"))
      throw settings_error("dead-letters needs `list TOPIC` or `replay TOPIC`\n");
    out.what = dead_words[0] == "list" ? action::list_dead_letters : action::replay_dead_letters;
    out.topic = dead_words[1];
  } else if (cluster->parsed()) {
    const auto& words = cluster_words;
    const bool about_all = words.size() == 1 && (words[0] == "status" || words[0] == "shards");
    const bool about_one = words.size() == 2 && (words[0] == "drain" || words[0] == "join");
    if (!about_all && !about_one)
      throw settings_error("cluster needs `status`, `shards`, `drain NODE` or `join NODE`\n");
    if (out_cluster.wait_seconds > 0 && words[0] != "drain")
      throw settings_error("--wait belongs to `cluster drain NODE`\n");
    out.what = action::cluster;
    out.cluster = std::move(out_cluster);
    out.cluster.word = words[0];
    out.cluster.node = about_one ? words[1] : "";
  }
  return out;
}

} // namespace tiketi::config
