#include "actors/catalog/name_id.hpp"

#include <cstring>

#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid.hpp>

namespace tiketi::catalog {

uuid name_based_uuid(const uuid& space, std::string_view name) {
  boost::uuids::uuid raw_space;
  std::memcpy(raw_space.data, space.bytes.data(), sizeof raw_space.data);
  const boost::uuids::name_generator_sha1 generator{raw_space};
  const auto raw = generator(name.data(), name.size());
  uuid out;
  std::memcpy(out.bytes.data(), raw.data, sizeof raw.data);
  return out;
}

} // namespace tiketi::catalog
