# Whether the training component is built: ORTHANT_TRAINING, with GCC, where libtorch is installed (Debian: libtorch-dev). Clang 19
# rejects the headers of libtorch 1.13 above C++17.
option(ORTHANT_TRAINING "Build encoder/training and orthant-train where libtorch is installed" ON)

find_path(ORTHANT_TORCH_INCLUDE ATen/ATen.h)
find_library(ORTHANT_TORCH_CPU torch_cpu)
find_library(ORTHANT_TORCH_C10 c10)

set(ORTHANT_HAS_TRAINING OFF)
if(ORTHANT_TRAINING AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT ORTHANT_SANITIZER)
  if(ORTHANT_TORCH_INCLUDE AND ORTHANT_TORCH_CPU AND ORTHANT_TORCH_C10)
    set(ORTHANT_HAS_TRAINING ON)
  else()
    message(STATUS "libtorch is not installed: orthant-train is left out")
  endif()
endif()

# training_compile_options(target): for targets with a precompiled header of libtorch. What ccache wants before it takes such files.
function(training_compile_options target)
  if(ORTHANT_CCACHE_PROGRAM)
    set_target_properties(${target} PROPERTIES CXX_COMPILER_LAUNCHER
      "${CMAKE_COMMAND};-E;env;CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime;${ORTHANT_CCACHE_PROGRAM}")
    target_compile_options(${target} PRIVATE -fpch-preprocess)
  endif()
endfunction()
