#pragma once

#include <string>
#include <string_view>

namespace tiketi::webhook {

struct address_rules {
  bool http = false;              ///< http:// as well as https://
  bool private_addresses = false; ///< machines that are not on the public internet
};

/// Whether events may be sent there, as far as the text says (names are looked up, and the
/// addresses behind them checked, with each connection). Empty: yes; otherwise what is wrong with
/// it. Takes only what has one meaning for every reader of addresses: no user name, no fragment,
/// printable ASCII, a plain host.
std::string complaint_about(std::string_view url, const address_rules& rules);

} // namespace tiketi::webhook
