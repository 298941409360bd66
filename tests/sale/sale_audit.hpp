#pragma once

#include "tests/support/stored_rows.hpp"

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace tiketi::test {

/// What a client was told about one reservation, and what it asked without hearing an answer.
struct ledger_line {
  std::string reservation; ///< empty: no answer to the hold yet
  std::string user;
  std::string key;
  std::string event;
  std::vector<std::string> seats;
  bool paid = false;      ///< 2xx to the payment
  bool pay_asked = false; ///< asked, with or without an answer
  bool cancelled = false; ///< 2xx to the cancellation
  bool cancel_asked = false;
};

/// Reads a role's database.
using rows_reader =
    std::function<std::vector<sql_row>(const std::string& role, const std::string& query)>;

/// Of a server_process with this data folder.
rows_reader rows_below(std::filesystem::path data);

/// Nothing is under way: expiries fired, payments settled, events delivered as far as the outboxes
/// tell.
bool nothing_pending(const rows_reader& rows);

/// Compares what clients were told with the databases of a sale where nothing is under way, and the
/// databases with each other; a difference is a failure of the running test. Lines without a
/// reservation are passed over.
void audit_sale(const std::vector<ledger_line>& told, const rows_reader& rows);

} // namespace tiketi::test
