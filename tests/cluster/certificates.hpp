#pragma once

#include "tests/storage/temporary_folder.hpp"

#include <string>

namespace tiketi::test {

/// A certificate authority of its own, and certificates for the nodes "a" and "b". The files go
/// away with the object.
class certificates {
public:
  certificates();

  std::string ca() const;
  std::string certificate(const std::string& node) const;
  std::string key(const std::string& node) const;

private:
  temporary_folder folder_;
};

} // namespace tiketi::test
