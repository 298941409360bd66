# Run by the build: cmake -DROOT=<lua> -DOUT=<file.cpp> -P embed_scripts.cmake
# Writes the function `embedded_scripts` with name and text of every ROOT/<name>.lua.
file(GLOB files RELATIVE "${ROOT}" "${ROOT}/*.lua")
list(SORT files)
set(rows "")
foreach(file ${files})
  if(NOT file MATCHES "^([a-z0-9_]+)\\.lua$")
    message(FATAL_ERROR "${file}: the name must be lower_case.lua")
  endif()
  set(name "${CMAKE_MATCH_1}")
  file(READ "${ROOT}/${file}" text)
  string(APPEND rows "    {\"${name}\", R\"tiketi_lua(${text})tiketi_lua\"},\n")
endforeach()
file(WRITE "${OUT}" "// Made by cmake/embed_scripts.cmake.
#include \"actors/redis/scripts_data.hpp\"

#include <array>

namespace tiketi::redis {

std::span<const embedded_script> embedded_scripts() {
  static constexpr auto all = std::to_array<embedded_script>({
${rows}  });
  return all;
}

} // namespace tiketi::redis
")
