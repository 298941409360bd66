#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <set>
#include <string>
#include <thread>

namespace tiketi::test {

/// Stands between a client and a server on the loopback interface and breaks connections when told
/// to. Has a thread of its own; its functions may be called from any.
class tcp_proxy {
public:
  explicit tcp_proxy(std::uint16_t server_port);
  ~tcp_proxy();
  tcp_proxy(const tcp_proxy&) = delete;
  tcp_proxy& operator=(const tcp_proxy&) = delete;

  std::uint16_t port() const noexcept { return port_; }

  /// What happens, once, to the next connection whose client sends a piece with `text` in it.
  enum class fault {
    lose_request, ///< the piece is not passed on; both sides are cut
    lose_answer,  ///< it is passed on and the server answers, but the client is cut and never hears
    forget_client ///< it is not passed on; only the client is cut, the server goes on waiting
  };
  void next(fault what, std::string text);

  /// Waits until the fault of `next` has happened. False: not within ten seconds.
  bool happened();

  /// Cuts all connections; while refusing, new ones are cut at once.
  void cut();
  void refuse(bool on);

  /// While frozen nothing is passed on and nobody is accepted, but all connections stay, as if the
  /// server were stopped. Afterwards everything that was sent meanwhile arrives.
  void freeze(bool on);

  /// Tells clients apart: called on the proxy's thread with the port a new connection comes from;
  /// returns a number of the caller's own. Set it before anybody connects.
  void tell_apart(std::function<int(std::uint16_t)> who);

  /// As `freeze`, for the connections of one client, those that it opens meanwhile included.
  void silence(int client, bool on);

  std::size_t accepted() const noexcept { return accepted_; }

private:
  struct link {
    int client = -1;
    int server = -1;
    bool answer_lost = false; ///< cut the client when the server has answered
    int who = -1;
  };

  void run();
  void open();
  /// False: the link is over.
  bool from_client(link& l);
  bool from_server(link& l);
  static void close(link& l);

  std::uint16_t server_port_;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  int wake_ = -1; ///< an eventfd
  std::list<link> links_;
  std::atomic<std::size_t> accepted_{0};

  std::mutex lock_;
  std::condition_variable changed_;
  bool stopping_ = false;
  bool refusing_ = false;
  bool frozen_ = false;
  bool is_frozen_ = false; ///< the thread knows
  bool cutting_ = false;
  std::function<int(std::uint16_t)> who_;
  std::set<int> silent_;
  std::uint64_t silence_wanted_ = 0; ///< changes of `silent_`
  std::uint64_t silence_known_ = 0;  ///< to the thread
  bool armed_ = false;
  bool happened_ = false;
  fault fault_ = fault::lose_request;
  std::string text_;
  std::thread thread_;
};

} // namespace tiketi::test
