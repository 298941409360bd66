# One set of flags for every target: precompiled headers are shared, so nothing may differ.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE OFF)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
# Line tables only: enough for a backtrace, a third of the build time of full debug information.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")

set(TIKETI_SANITIZE "" CACHE STRING "value of -fsanitize=, empty for none")
if(TIKETI_SANITIZE)
  # null: CAF's headers bind a reference to null when an actor is spawned without arguments.
  # vptr: it needs type information that SOCI's shared library keeps to itself.
  add_compile_options(-fsanitize=${TIKETI_SANITIZE} -fno-sanitize=null,vptr
                      -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${TIKETI_SANITIZE})
endif()

set(TIKETI_WARNINGS -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  # Precompiled headers are cacheable only with these relaxations; without the directory in the hash
  # two checkouts share what they have compiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE_PROGRAM})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-fpch-preprocess)
  endif()
endif()

find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM AND NOT TIKETI_SANITIZE)
  add_link_options(-fuse-ld=mold)
endif()
