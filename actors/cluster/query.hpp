#pragma once

#include <type_traits>

namespace tiketi::cluster {

/// True for messages that change nothing, or nothing that matters when it happens twice: what
/// travels between nodes is then not remembered. Whoever sends or serves `m` has to see its
/// `struct is_query<m> : std::true_type {}`.
template <class Message>
struct is_query : std::false_type {};

} // namespace tiketi::cluster
