#pragma once

#include "tests/support/redis_server.hpp"

#include <filesystem>
#include <map>
#include <string>

namespace tiketi::test {

/// TIKETI_TEST_BACKEND=production: the program under test runs on PostgreSQL, Redis and Kafka.
/// A cluster does, too.
bool on_production();

/// TIKETI_TEST_BACKEND=cluster: the program under test is several processes.
bool on_cluster();

/// What a program with this data directory needs to find its parts, as environment variables. The
/// servers are those of this test process; databases, keys and topics are the directory's own. The
/// first call starts the servers, from a thread that must outlive them.
std::map<std::string, std::string> production_parts(const std::filesystem::path& data);

/// Started when first asked for, ended with the process.
redis_server& shared_redis_server();

} // namespace tiketi::test
