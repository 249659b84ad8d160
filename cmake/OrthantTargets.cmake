# What every target of the project shares, and the helpers that make targets.

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS ON)  # statement expressions (base/result.h)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

if(ORTHANT_CCACHE)
  find_program(ORTHANT_CCACHE_PROGRAM ccache)
  if(ORTHANT_CCACHE_PROGRAM)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${ORTHANT_CCACHE_PROGRAM})
  endif()
endif()

add_library(orthant_options INTERFACE)
target_include_directories(orthant_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(orthant_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # std::stable_sort of GCC 12's library takes its buffer by a function that the library itself calls deprecated.
  target_compile_options(orthant_options INTERFACE -Wno-gnu-statement-expression-from-macro-expansion -Wthread-safety
    -Wno-deprecated-declarations)
else()
  # GCC 12 sees these in its own library's std::expected and std::string once they are inlined.
  target_compile_options(orthant_options INTERFACE -Wno-maybe-uninitialized -Wno-restrict)
endif()
if(ORTHANT_SANITIZER)
  target_compile_options(orthant_options INTERFACE -fsanitize=${ORTHANT_SANITIZER} -fno-omit-frame-pointer)
  target_link_options(orthant_options INTERFACE -fsanitize=${ORTHANT_SANITIZER})
  if(ORTHANT_SANITIZER STREQUAL "address")
    target_compile_options(orthant_options INTERFACE -fsanitize=undefined -fno-sanitize-recover=undefined)
    target_link_options(orthant_options INTERFACE -fsanitize=undefined)
  endif()
endif()

# orthant_library(name source...): one static library a folder.
function(orthant_library name)
  add_library(${name} STATIC ${ARGN})
  target_link_libraries(${name} PUBLIC orthant_options)
endfunction()

# orthant_kernel_sources(target level source...): files compiled for one CPU level (base/cpu.h), left out on other machines'
# architectures. `level` is portable, neon, avx2, avxvnni, avx512, or avx512bf16 or avx512vbmi (avx512 with features more). Inlining of library
# code stays off the table: these files include only intrinsics, integer headers and their table's header
# (scripts/check_kernel_objects.sh).
function(orthant_kernel_sources target level)
  set(avx2 -mavx2 -mfma -mbmi2 -mpopcnt -mf16c)
  set(avxvnni ${avx2} -mavxvnni)
  set(avx512 ${avx2} -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni -mavx512vpopcntdq)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    list(APPEND avx512 -Wno-uninitialized)  # GCC 12's own intrinsics start from a value that is undefined on purpose
  endif()
  set(avx512bf16 ${avx512} -mavx512bf16)
  set(avx512vbmi ${avx512} -mavx512vbmi -mgfni)
  set(portable "")
  set(neon "")
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    set(here portable avx2 avxvnni avx512 avx512bf16 avx512vbmi)
  else()
    set(here portable neon)
  endif()
  if(level IN_LIST here)
    target_sources(${target} PRIVATE ${ARGN})
    set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS "${${level}}")
  endif()
endfunction()

# orthant_executable(name source...)
function(orthant_executable name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE orthant_options)
endfunction()

# orthant_test(name LABEL fast|slow SOURCES ... LIBRARIES ...): a GoogleTest binary, one ctest entry a test case.
function(orthant_test name)
  cmake_parse_arguments(PARSE_ARGV 1 test "" "LABEL" "SOURCES;LIBRARIES")
  add_executable(${name} ${test_SOURCES})
  target_link_libraries(${name} PRIVATE orthant_options ${test_LIBRARIES} GTest::gtest GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE ORTHANT_SOURCE_DIR="${CMAKE_SOURCE_DIR}" ORTHANT_BINARY_DIR="${CMAKE_BINARY_DIR}")
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  # Slow tests encode whole retrieval sets: minutes on one quiet core, several times that on a busy machine.
  set(timeout_seconds 600)
  if(test_LABEL STREQUAL "slow")
    set(timeout_seconds 3600)
  endif()
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES LABELS ${test_LABEL} TIMEOUT ${timeout_seconds})
endfunction()
