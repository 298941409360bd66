#include "tests/support/kafka_broker.hpp"

#include <array>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tiketi::test {

/// A thread that lives as long as the broker: the kernel ends a child whose parent *thread* ends.
class kafka_broker::keeper {
public:
  keeper() : thread_([this] { run(); }) {}
  ~keeper() {
    {
      const std::lock_guard lock{mutex_};
      ending_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  /// Starts `words` with its output in `log`; -1 where there is no process to be had.
  pid_t spawn(const std::vector<std::string>& words, const std::filesystem::path& log) {
    std::unique_lock lock{mutex_};
    words_ = &words;
    log_ = log.string();
    result_ = 0;
    changed_.notify_all();
    changed_.wait(lock, [this] { return result_ != 0; });
    return result_;
  }

private:
  void run() {
    std::unique_lock lock{mutex_};
    for (;;) {
      changed_.wait(lock, [this] { return ending_ || words_ != nullptr; });
      if (ending_)
        return;
      result_ = fork_child(*words_);
      words_ = nullptr;
      changed_.notify_all();
    }
  }

  pid_t fork_child(const std::vector<std::string>& words) const {
    // All that allocates comes before the fork: other threads may hold the allocator's locks.
    std::vector<std::string> copies = words;
    std::vector<char*> argv;
    for (auto& word : copies)
      argv.push_back(word.data());
    argv.push_back(nullptr);
    const int in = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    const int out = ::open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    const pid_t parent = ::getpid();
    const pid_t child = in < 0 || out < 0 ? -1 : ::fork();
    if (child == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent)
        ::_exit(1);
      ::dup2(in, STDIN_FILENO);
      ::dup2(out, STDOUT_FILENO);
      ::dup2(out, STDERR_FILENO);
      ::execvp(argv[0], argv.data());
      ::_exit(127);
    }
    if (in >= 0)
      ::close(in);
    if (out >= 0)
      ::close(out);
    return child;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  const std::vector<std::string>* words_ = nullptr;
  std::string log_;
  pid_t result_ = 0;
  bool ending_ = false;
  std::thread thread_;
};

namespace {

/// As `test_kafka_dir` of tools/lib/common.sh.
std::filesystem::path jar_folder() {
  if (const char* given = std::getenv("TIKETI_TEST_KAFKA_JARS"); given != nullptr && *given != '\0')
    return given;
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const std::filesystem::path base =
      cache != nullptr && *cache != '\0'
          ? std::filesystem::path{cache}
          : std::filesystem::path{home != nullptr ? home : "/"} / ".cache";
  return base / "tiketi" / ("kafka-" TIKETI_KAFKA_SUM) / "jars";
}

void replace_with(const std::filesystem::path& file, const std::string& text) {
  std::ofstream out{file, std::ios::binary | std::ios::trunc};
  out << text;
  if (!out.flush())
    throw std::runtime_error("cannot write " + file.string());
}

bool write_all(int fd, const char* data, std::size_t size) {
  while (size > 0) {
    const auto n = ::send(fd, data, size, MSG_NOSIGNAL);
    if (n <= 0)
      return false;
    data += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

} // namespace

kafka_broker::kafka_broker()
    : port_(free_port()), controller_port_(free_port()), keeper_(std::make_unique<keeper>()) {
  write_files();
}

kafka_broker::~kafka_broker() {
  kill();
}

bool kafka_broker::available() {
  std::error_code ignored;
  return std::filesystem::is_directory(jar_folder(), ignored);
}

std::string kafka_broker::address() const {
  return "127.0.0.1:" + std::to_string(port_);
}

void kafka_broker::write_files() {
  const auto& folder = folder_.path();
  const auto data = folder / "data";
  std::filesystem::create_directories(data);
  const auto own = address();
  const auto controller = "127.0.0.1:" + std::to_string(controller_port_);
  replace_with(folder / "server.properties",
               "process.roles=broker,controller\nnode.id=1\n"
               "controller.quorum.voters=1@"
                   + controller + "\nlisteners=PLAINTEXT://" + own + ",CONTROLLER://" + controller
                   + "\nadvertised.listeners=PLAINTEXT://" + own
                   + "\ncontroller.listener.names=CONTROLLER\n"
                     "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
                     "log.dirs="
                   + data.string()
                   + "\noffsets.topic.num.partitions=1\n"
                     "offsets.topic.replication.factor=1\n"
                     "transaction.state.log.num.partitions=1\n"
                     "transaction.state.log.replication.factor=1\n"
                     "transaction.state.log.min.isr=1\n"
                     "auto.create.topics.enable=false\n"
                     "group.initial.rebalance.delay.ms=0\n"
                     "group.min.session.timeout.ms=1000\n"
                     // A killed broker comes back under the same id within this time.
                     "broker.session.timeout.ms=3000\n"
                     "broker.heartbeat.interval.ms=500\n"
                     "num.network.threads=1\nnum.io.threads=2\nbackground.threads=1\n"
                     "num.recovery.threads.per.data.dir=1\n"
                     "log.cleaner.enable=true\nlog.cleaner.dedupe.buffer.size=2097152\n"
                     "log.segment.bytes=8388608\nlog.index.size.max.bytes=1048576\n"
                     "controlled.shutdown.enable=true\n");
  // What the storage tool of Kafka would write, without starting a Java machine for it.
  replace_with(data / "meta.properties",
               "version=1\ncluster.id=tiketi-tests-0123456789\nnode.id=1\n"
               "directory.id=AAAAAAAAAAAAAAAAAAAAZA\n");
  replace_with(folder / "log4j.properties",
               "log4j.rootLogger=WARN, out\n"
               "log4j.logger.kafka.server.KafkaRaftServer=INFO\n"
               "log4j.appender.out=org.apache.log4j.ConsoleAppender\n"
               "log4j.appender.out.layout=org.apache.log4j.PatternLayout\n"
               "log4j.appender.out.layout.ConversionPattern=%d{ISO8601} %p %m (%c)%n\n");
}

bool kafka_broker::start(std::chrono::milliseconds timeout) {
  if (running())
    return true;
  const auto& folder = folder_.path();
  // The C1 compiler only: a test ends before the second one pays.
  pid_ = keeper_->spawn(
      {"java", "-Xms64m", "-Xmx256m", "-Xss512k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
       "-XX:CICompilerCount=1", "-Djava.awt.headless=true",
       "-Dlog4j.configuration=file:" + (folder / "log4j.properties").string(), "-cp",
       jar_folder().string() + "/*", "kafka.Kafka", (folder / "server.properties").string()},
      folder / "broker.log");
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (pid_ > 0 && std::chrono::steady_clock::now() < deadline) {
    if (has_ended())
      return false;
    if (answers())
      return true;
    // Nothing tells when another process starts to listen; the pause only saves processor time.
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
  }
  return false;
}

/// Does it answer a Metadata request (version 1, no topics) with a broker and a controller?
bool kafka_broker::answers() const {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return false;
  const timeval limit{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port_);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bool up = false;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0) {
    constexpr std::array<unsigned char, 20> ask{0, 0, 0,   16,  // length
                                                0, 3, 0,   1,   // Metadata, version 1
                                                0, 0, 0,   7,   // correlation
                                                0, 2, 't', 't', // client
                                                0, 0, 0,   0};  // no topics
    std::array<unsigned char, 512> got{};
    std::size_t size = 0;
    if (write_all(fd, reinterpret_cast<const char*>(ask.data()), ask.size()))
      while (size < got.size()) {
        const auto n = ::recv(fd, got.data() + size, got.size() - size, 0);
        if (n <= 0)
          break;
        size += static_cast<std::size_t>(n);
        const auto whole = 4 + (static_cast<std::size_t>(got[2]) << 8 | got[3]);
        if (size >= 4 && size >= whole) {
          up = got[7] == 7 && size > 12 && got[11] > 0; // at least one broker
          break;
        }
      }
  }
  ::close(fd);
  return up;
}

bool kafka_broker::has_ended() {
  int status = 0;
  if (pid_ <= 0 || ::waitpid(pid_, &status, WNOHANG) != pid_)
    return pid_ <= 0;
  pid_ = -1;
  return true;
}

void kafka_broker::kill() {
  if (pid_ <= 0)
    return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

void kafka_broker::stop(std::chrono::milliseconds timeout) {
  if (pid_ <= 0)
    return;
  ::kill(pid_, SIGTERM);
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (std::chrono::steady_clock::now() < deadline) {
    if (has_ended())
      return;
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
  kill();
}

void kafka_broker::freeze() {
  if (pid_ > 0)
    ::kill(pid_, SIGSTOP);
}

void kafka_broker::thaw() {
  if (pid_ > 0)
    ::kill(pid_, SIGCONT);
}

std::string kafka_broker::log_tail(std::size_t bytes) const {
  return end_of_file(folder_.path() / "broker.log", bytes);
}

kafka_broker& shared_kafka_broker() {
  static kafka_broker broker;
  static const bool up = broker.start();
  if (!up)
    throw std::runtime_error("the Kafka broker does not start: " + broker.log_tail());
  return broker;
}

} // namespace tiketi::test
