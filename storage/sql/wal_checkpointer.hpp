#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

struct sqlite3;

namespace tiketi::sql {

struct wal_limits {
  int start_pages = 16'384; ///< the log is copied into the database from this length on
  int wait_pages = 131'072; ///< at this length the writer waits for the copying: the log's bound
};

/// Keeps the write-ahead log of one SQLite file short without holding up its writer.
///
/// A checkpoint by the writer itself stops every commit until thousands of pages are copied and
/// flushed. Here a thread with a connection of its own does that beside the commits; the log can
/// only start again from its beginning when nothing of it is left to copy, so the writer copies the
/// few pages it added meanwhile. See "Write-Ahead Logging" in SQLite's documentation. The thread
/// starts with the first log that is long enough, so connections that only read cost nothing.
class wal_checkpointer {
public:
  wal_checkpointer(std::string file, wal_limits limits);
  ~wal_checkpointer();

  wal_checkpointer(const wal_checkpointer&) = delete;
  wal_checkpointer& operator=(const wal_checkpointer&) = delete;

  /// Replaces the automatic checkpoints of a connection, which must end before this object. One
  /// writing connection at a time.
  void watch(sqlite3* connection);

private:
  enum class phase {
    idle,
    copying, ///< the thread's turn
    copied,  ///< the writer's turn: the rest
  };

  static int on_commit(void* self, sqlite3* connection, const char* database, int pages);
  void committed(sqlite3* connection, const char* database, int pages);
  void run();

  const std::string file_;
  const wal_limits limits_;
  std::mutex mutex_;
  std::condition_variable changed_;
  phase phase_ = phase::idle;
  int next_start_;
  bool ending_ = false;
  std::thread thread_;
};

} // namespace tiketi::sql
