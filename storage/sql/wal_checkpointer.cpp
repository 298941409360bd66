#include "storage/sql/wal_checkpointer.hpp"

#include <algorithm>
#include <exception>
#include <system_error>
#include <utility>

#include <spdlog/spdlog.h>
#include <sqlite3.h>

namespace tiketi::sql {

namespace {

constexpr int busy_timeout_ms = 5'000;

/// Null, with a line in the log, when the file cannot be opened.
sqlite3* connect(const std::string& file) {
  sqlite3* out = nullptr;
  // A connection finds out with its first read that the file has a log; before that, its
  // checkpoints do nothing.
  if (sqlite3_open_v2(file.c_str(), &out, SQLITE_OPEN_READWRITE, nullptr) == SQLITE_OK
      && sqlite3_busy_timeout(out, busy_timeout_ms) == SQLITE_OK
      && sqlite3_exec(out, "SELECT 1 FROM sqlite_schema", nullptr, nullptr, nullptr) == SQLITE_OK)
    return out;
  spdlog::warn("checkpoints of {}: {}", file, sqlite3_errmsg(out));
  sqlite3_close(out);
  return nullptr;
}

} // namespace

wal_checkpointer::wal_checkpointer(std::string file, wal_limits limits)
    : file_(std::move(file)), limits_(limits), next_start_(limits.start_pages) {}

wal_checkpointer::~wal_checkpointer() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable())
    thread_.join();
}

void wal_checkpointer::watch(sqlite3* connection) {
  sqlite3_wal_hook(connection, on_commit, this);
}

int wal_checkpointer::on_commit(void* self, sqlite3* connection, const char* database, int pages) {
  static_cast<wal_checkpointer*>(self)->committed(connection, database, pages);
  // Anything else would turn a commit that is durable into an error.
  return SQLITE_OK;
}

void wal_checkpointer::committed(sqlite3* connection, const char* database, int pages) {
  std::unique_lock lock(mutex_);
  if (pages < limits_.start_pages)
    next_start_ = limits_.start_pages;
  if (phase_ == phase::idle && pages >= next_start_) {
    try {
      if (!thread_.joinable())
        thread_ = std::thread([this] { run(); });
      phase_ = phase::copying;
      changed_.notify_all();
    } catch (const std::system_error& e) {
      spdlog::warn("no thread for checkpoints of {}: {}", file_, e.what());
      phase_ = phase::copied;
    }
  }
  if (phase_ == phase::copying && pages >= limits_.wait_pages)
    changed_.wait(lock, [this] { return phase_ != phase::copying; });
  if (phase_ != phase::copied)
    return;
  phase_ = phase::idle;
  // A reader may pin pages: wait for more of them instead of trying with every commit.
  next_start_ = pages + std::max(1, limits_.start_pages / 4);
  lock.unlock();
  sqlite3_wal_checkpoint_v2(connection, database, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
}

void wal_checkpointer::run() {
  sqlite3* connection = nullptr;
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return ending_ || phase_ == phase::copying; });
    if (phase_ == phase::copying && !ending_) {
      lock.unlock();
      if (!connection)
        connection = connect(file_);
      // A failure leaves the work to the writer, whose own commit then shows what is wrong.
      if (connection) {
        const int done = sqlite3_wal_checkpoint_v2(connection, nullptr, SQLITE_CHECKPOINT_PASSIVE,
                                                   nullptr, nullptr);
        if (done != SQLITE_OK && done != SQLITE_BUSY)
          spdlog::warn("checkpoint of {}: {}", file_, sqlite3_errmsg(connection));
      }
      lock.lock();
    }
    if (phase_ == phase::copying)
      phase_ = phase::copied;
    changed_.notify_all();
    if (ending_)
      break;
  }
  lock.unlock();
  sqlite3_close(connection);
}

} // namespace tiketi::sql
