# What only our own programs are built with. The target is never exported, so none of it reaches a
# consumer.
include(CheckCXXCompilerFlag)

add_library(hooked_own INTERFACE)
if(MSVC)
  target_compile_options(hooked_own INTERFACE /W4 /bigobj $<$<BOOL:${HOOKED_WERROR}>:/WX>)
else()
  target_compile_options(hooked_own INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion $<$<BOOL:${HOOKED_WERROR}>:-Werror>)
endif()
if(HOOKED_NATIVE)
  check_cxx_compiler_flag(-march=native HOOKED_HAVE_MARCH_NATIVE)
  target_compile_options(hooked_own INTERFACE
    $<$<BOOL:${HOOKED_HAVE_MARCH_NATIVE}>:-march=native>)
endif()

# hooked_program(name source...): one program of ours.
function(hooked_program name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE hooked::hooked hooked_own)
endfunction()
