#pragma once

#include <sys/types.h>

namespace tiketi::bench {

/// Processor time of a process and of all its children, those that ended too, in seconds.
double cpu_seconds(pid_t pid);

} // namespace tiketi::bench
