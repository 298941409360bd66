#include "net/client/curl_transport.hpp"

#include "actors/remote/address.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <curl/curl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace tiketi::net {
namespace {

using remote::http_failure;
using remote::transfer;
using remote::transfer_result;

/// Once per process; never undone, because other libraries may use libcurl too.
void init_curl() {
  static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (code != CURLE_OK)
    throw std::runtime_error(std::string("libcurl: ") + curl_easy_strerror(code));
}

struct easy_deleter {
  void operator()(CURL* x) const { curl_easy_cleanup(x); }
};
struct multi_deleter {
  void operator()(CURLM* x) const { curl_multi_cleanup(x); }
};
struct slist_deleter {
  void operator()(curl_slist* x) const { curl_slist_free_all(x); }
};

struct job {
  transfer what;
  remote::transport::done_fn done;
  transfer_result result;
  std::size_t header_bytes = 0;
  std::size_t header_bytes_max = 0;
  bool too_large = false;
  bool forbidden = false; ///< an address was refused
  char error[CURL_ERROR_SIZE] = {};
  // The handle refers to what stands above.
  std::unique_ptr<curl_slist, slist_deleter> headers;
  std::unique_ptr<CURL, easy_deleter> easy;
};

std::size_t on_body(char* data, std::size_t, std::size_t size, void* user) {
  auto& j = *static_cast<job*>(user);
  if (size > j.what.response_bytes_max - j.result.body.size()) {
    j.too_large = true;
    return 0; // ends the transfer
  }
  j.result.body.append(data, size);
  return size;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::size_t on_header(char* data, std::size_t, std::size_t size, void* user) {
  auto& j = *static_cast<job*>(user);
  j.header_bytes += size;
  if (j.header_bytes > j.header_bytes_max) {
    j.too_large = true;
    return 0;
  }
  const std::string_view line{data, size};
  if (line.starts_with("HTTP/")) {
    j.result.headers.clear(); // those of an interim answer
    return size;
  }
  if (const auto colon = line.find(':'); colon != std::string_view::npos)
    j.result.headers.emplace_back(std::string(trim(line.substr(0, colon))),
                                  std::string(trim(line.substr(colon + 1))));
  return size;
}

bool is_public(const curl_sockaddr& a) {
  if (a.family == AF_INET && a.addrlen >= sizeof(sockaddr_in)) {
    sockaddr_in in{};
    std::memcpy(&in, &a.addr, sizeof in);
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &in.sin_addr, bytes.size());
    return remote::is_public_address(bytes);
  }
  if (a.family == AF_INET6 && a.addrlen >= sizeof(sockaddr_in6)) {
    sockaddr_in6 in{};
    // libcurl keeps the whole address behind this member.
    std::memcpy(&in, static_cast<const void*>(&a.addr), sizeof in);
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &in.sin6_addr, bytes.size());
    return remote::is_public_address(bytes);
  }
  return false;
}

/// The last moment before a connection: the name is resolved, nothing was sent.
curl_socket_t open_public_socket(void* user, curlsocktype, curl_sockaddr* a) {
  if (!is_public(*a)) {
    static_cast<job*>(user)->forbidden = true;
    return CURL_SOCKET_BAD;
  }
  return ::socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

bool is_one_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

bool is_sound(const remote::http_request& r) {
  const auto plain = [](const auto& h) {
    return !h.first.empty() && is_one_line(h.first) && is_one_line(h.second)
           && h.first.find(':') == std::string::npos;
  };
  return (r.method == "GET" || r.method == "POST") && is_one_line(r.url)
         && std::all_of(r.headers.begin(), r.headers.end(), plain) && is_one_line(r.sign.scope)
         && is_one_line(r.sign.key_id) && is_one_line(r.sign.secret)
         && (r.url.starts_with("https://") || r.url.starts_with("http://"));
}

http_failure failure_of(const job& j, CURLcode code) {
  if (j.too_large)
    return http_failure::too_large;
  // Whatever went wrong, a request of which a byte left may have arrived.
  long sent = 0;
  curl_easy_getinfo(j.easy.get(), CURLINFO_REQUEST_SIZE, &sent);
  const auto unless_sent = [sent](http_failure f) { return sent > 0 ? http_failure::lost : f; };
  switch (code) {
  case CURLE_OK:
    return http_failure::none;
  case CURLE_URL_MALFORMAT:
  case CURLE_UNSUPPORTED_PROTOCOL: // also an answer that is no HTTP
  case CURLE_OUT_OF_MEMORY:
    return unless_sent(http_failure::rejected);
  case CURLE_COULDNT_RESOLVE_HOST:
  case CURLE_COULDNT_CONNECT:
    return unless_sent(j.forbidden ? http_failure::forbidden : http_failure::refused);
  case CURLE_SSL_CONNECT_ERROR:
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CACERT_BADFILE:
  case CURLE_SSL_ISSUER_ERROR:
  case CURLE_SSL_INVALIDCERTSTATUS:
    return unless_sent(http_failure::untrusted);
  case CURLE_OPERATION_TIMEDOUT:
    return sent > 0 ? http_failure::timed_out : http_failure::refused;
  default:
    return http_failure::lost;
  }
}

class curl_transport final : public remote::transport {
public:
  explicit curl_transport(curl_options options) : options_(std::move(options)) {
    init_curl();
    multi_.reset(curl_multi_init());
    if (!multi_)
      throw std::runtime_error("libcurl: no multi handle");
    const auto set = [this](CURLMoption option, std::size_t value) {
      curl_multi_setopt(multi_.get(), option, static_cast<long>(value));
    };
    set(CURLMOPT_MAX_TOTAL_CONNECTIONS, options_.connections_max);
    set(CURLMOPT_MAX_HOST_CONNECTIONS, options_.connections_per_host_max);
    set(CURLMOPT_MAXCONNECTS, options_.connections_max);
    thread_ = std::thread([this] { run(); });
  }

  ~curl_transport() override { shutdown(); }

  void start(transfer t, done_fn done) override {
    const auto refused = take(t, done);
    if (refused == http_failure::none) {
      curl_multi_wakeup(multi_.get());
      return;
    }
    transfer_result r;
    r.error = refused;
    r.text = refused == http_failure::overloaded ? "too many transfers" : "the program ends";
    done(std::move(r));
  }

  void shutdown() override {
    {
      const std::lock_guard lock{mutex_};
      stopping_ = true;
    }
    curl_multi_wakeup(multi_.get());
    const std::lock_guard lock{join_};
    if (thread_.joinable())
      thread_.join();
  }

private:
  /// Moves both into the queue; leaves them alone where it refuses.
  http_failure take(transfer& t, done_fn& done) {
    const std::lock_guard lock{mutex_};
    if (stopping_)
      return http_failure::rejected;
    if (count_ >= options_.waiting_max)
      return http_failure::overloaded;
    auto j = std::make_unique<job>();
    j->what = std::move(t);
    j->done = std::move(done);
    j->header_bytes_max = options_.header_bytes_max;
    ++count_;
    fresh_.push_back(std::move(j));
    return http_failure::none;
  }

  void run() {
    for (;;) {
      std::vector<std::unique_ptr<job>> fresh;
      bool stopping = false;
      {
        const std::lock_guard lock{mutex_};
        fresh.swap(fresh_);
        stopping = stopping_;
      }
      for (auto& j : fresh)
        stopping ? end(std::move(j), http_failure::rejected, "the program ends")
                 : add(std::move(j));
      if (stopping)
        break;
      int running = 0;
      curl_multi_perform(multi_.get(), &running);
      collect();
      // Long, because a new transfer wakes it up; libcurl shortens it for its own timers.
      curl_multi_poll(multi_.get(), nullptr, 0, 10'000, nullptr);
    }
    for (auto& entry : std::exchange(active_, {})) {
      curl_multi_remove_handle(multi_.get(), entry.first);
      end(std::move(entry.second), http_failure::rejected, "the program ends");
    }
  }

  void add(std::unique_ptr<job> j) {
    if (!is_sound(j->what.request))
      return end(std::move(j), http_failure::rejected, "malformed request");
    j->easy.reset(curl_easy_init());
    auto* easy = j->easy.get();
    if (!easy || !set_up(*j) || curl_multi_add_handle(multi_.get(), easy) != CURLM_OK)
      return end(std::move(j), http_failure::rejected, "libcurl refused the request");
    active_.emplace(easy, std::move(j));
  }

  bool set_up(job& j) const {
    auto* easy = j.easy.get();
    const auto& r = j.what.request;
    const auto header = [&j](const std::string& line) {
      auto* more = curl_slist_append(j.headers.get(), line.c_str());
      if (!more)
        return false;
      static_cast<void>(j.headers.release());
      j.headers.reset(more);
      return true;
    };
    // No round trip before the body. libcurl 7.88 would sign this name and then not send it; short
    // bodies, as all signed ones are, go without one anyway.
    bool ok = !r.sign.scope.empty() || header("Expect:");
    for (const auto& [name, value] : r.headers)
      ok = ok && header(value.empty() ? name + ";" : fmt::format("{}: {}", name, value));
    const auto set = [easy, &ok](CURLoption option, auto value) {
      ok = ok && curl_easy_setopt(easy, option, value) == CURLE_OK;
    };
    set(CURLOPT_URL, r.url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_PROXY, "");
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_SSL_VERIFYPEER, 1L);
    set(CURLOPT_SSL_VERIFYHOST, 2L);
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!options_.ca_file.empty())
      set(CURLOPT_CAINFO, options_.ca_file.c_str());
    set(CURLOPT_USERAGENT, "tiketi");
    set(CURLOPT_CONNECTTIMEOUT_MS,
        static_cast<long>(std::max<std::int64_t>(j.what.connect_timeout.count(), 1)));
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<std::int64_t>(j.what.timeout.count(), 1)));
    set(CURLOPT_FRESH_CONNECT, j.what.repeatable ? 0L : 1L);
    if (options_.public_addresses_only) {
      set(CURLOPT_OPENSOCKETFUNCTION, open_public_socket);
      set(CURLOPT_OPENSOCKETDATA, static_cast<void*>(&j));
    }
    set(CURLOPT_ERRORBUFFER, static_cast<char*>(j.error));
    set(CURLOPT_WRITEFUNCTION, on_body);
    set(CURLOPT_WRITEDATA, static_cast<void*>(&j));
    set(CURLOPT_HEADERFUNCTION, on_header);
    set(CURLOPT_HEADERDATA, static_cast<void*>(&j));
    if (r.method == "POST") {
      set(CURLOPT_POST, 1L);
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(r.body.size()));
      set(CURLOPT_POSTFIELDS, r.body.data()); // not copied: it lives in the job
    }
    set(CURLOPT_HTTPHEADER, j.headers.get());
    if (!r.sign.scope.empty()) {
      set(CURLOPT_AWS_SIGV4, r.sign.scope.c_str());
      set(CURLOPT_USERNAME, r.sign.key_id.c_str());
      set(CURLOPT_PASSWORD, r.sign.secret.c_str());
    }
    return ok;
  }

  void collect() {
    int left = 0;
    while (const auto* m = curl_multi_info_read(multi_.get(), &left)) {
      if (m->msg != CURLMSG_DONE)
        continue;
      const auto code = m->data.result;
      const auto found = active_.find(m->easy_handle);
      curl_multi_remove_handle(multi_.get(), m->easy_handle); // `m` is void from here on
      if (found == active_.end())
        continue;
      auto j = std::move(found->second);
      active_.erase(found);
      long status = 0;
      curl_easy_getinfo(j->easy.get(), CURLINFO_RESPONSE_CODE, &status);
      const auto error = failure_of(*j, code);
      if (error == http_failure::none) {
        j->result.status = static_cast<int>(status);
        end(std::move(j), error, {});
      } else {
        const std::string text = j->error[0] != '\0' ? j->error : curl_easy_strerror(code);
        end(std::move(j), error, text);
      }
    }
  }

  /// What is left of an answer that failed half way is no answer.
  void end(std::unique_ptr<job> j, http_failure error, std::string text) {
    {
      const std::lock_guard lock{mutex_};
      --count_;
    }
    transfer_result r;
    if (error == http_failure::none)
      r = std::move(j->result);
    r.error = error;
    r.text = std::move(text);
    const auto done = std::move(j->done);
    j.reset();
    done(std::move(r));
  }

  curl_options options_;
  std::unique_ptr<CURLM, multi_deleter> multi_;
  std::map<CURL*, std::unique_ptr<job>> active_; // of the thread
  std::mutex mutex_;
  std::vector<std::unique_ptr<job>> fresh_;
  std::size_t count_ = 0;
  bool stopping_ = false;
  std::mutex join_;
  std::thread thread_;
};

} // namespace

std::shared_ptr<remote::transport> make_curl_transport(curl_options options) {
  return std::make_shared<curl_transport>(std::move(options));
}

} // namespace tiketi::net
