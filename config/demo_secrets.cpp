#include "actors/base/environment.hpp"
#include "config/command_line.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tiketi::config {

namespace {

std::string random_hex(environment& env, int words) {
  std::string out;
  for (int i = 0; i < words; ++i)
    out += fmt::format("{:016x}", env.random());
  return out;
}

environment_map read_secrets(const std::filesystem::path& path) {
  environment_map out;
  std::ifstream in{path};
  for (std::string line; std::getline(in, line);)
    if (const auto at = line.find('='); !line.starts_with('#') && at != std::string::npos)
      out.emplace(line.substr(0, at), line.substr(at + 1));
  return out;
}

/// Written beside and renamed, so that a crash leaves the old file or the new one.
void write_secrets(const std::filesystem::path& path, const environment_map& secrets) {
  const auto draft = path.string() + ".new";
  std::string text = "# Made by --demo on the first start. Whoever has this file can sign in as "
                     "anybody here.\n";
  for (const auto& [name, value] : secrets)
    text += fmt::format("{}={}\n", name, value);
  const int fd = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const bool ok = fd >= 0
                  && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size())
                  && ::fsync(fd) == 0;
  const int reason = errno;
  if (fd >= 0)
    ::close(fd);
  if (!ok || ::rename(draft.c_str(), path.c_str()) != 0)
    throw settings_error(fmt::format("the demo secrets could not be written to '{}': {}\n",
                                     path.string(), std::strerror(ok ? errno : reason)));
}

} // namespace

std::string complete_for_demo(settings& values) {
  if (!values.demo_enabled)
    return {};
  if (values.payment_provider == "none")
    values.payment_provider = "demo";
  std::vector<const row*> missing;
  for (const auto& r : table())
    if (r.required && !r.secret.empty() && to_text(values, r).empty())
      missing.push_back(&r);
  if (missing.empty())
    return {};

  const auto path = std::filesystem::path{values.data_directory} / "demo-secrets.env";
  auto secrets = read_secrets(path);
  auto env = make_system_environment();
  bool made = false;
  for (const auto* r : missing)
    made |= secrets.try_emplace(std::string{r->secret}, random_hex(*env, 4)).second;
  if (made)
    write_secrets(path, secrets);
  for (const auto* r : missing)
    if (const auto wrong = assign(values, *r, secrets.at(std::string{r->secret})))
      throw settings_error(fmt::format("{}: {}\n", path.string(), *wrong));
  return path.string();
}

} // namespace tiketi::config
