# What only our own programs are built with. It is not exported, so none of it reaches a consumer.
add_library(hooked_warnings INTERFACE)
if(MSVC)
  target_compile_options(hooked_warnings INTERFACE /W4 $<$<BOOL:${HOOKED_WERROR}>:/WX>)
else()
  target_compile_options(hooked_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion $<$<BOOL:${HOOKED_WERROR}>:-Werror>
    # g++ 12 finds this in its own string header: its bug 105329.
    $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
endif()

# hooked_program(name source...): one program of ours, of the library compiled once where that is
# built. hooked_header_only_program: one of the headers alone, as most consumers have it.
function(hooked_ours name)
  target_link_libraries(${name} PRIVATE hooked::hooked hooked_warnings
    $<$<BOOL:${HOOKED_NATIVE}>:hooked::native>)
endfunction()
function(hooked_header_only_program name)
  add_executable(${name} ${ARGN})
  hooked_ours(${name})
endfunction()
function(hooked_program name)
  hooked_header_only_program(${name} ${ARGN})
  if(TARGET hooked_compiled)
    target_link_libraries(${name} PRIVATE hooked::compiled)
  endif()
endfunction()

# hooked_library(name source...): what several programs of ours share.
function(hooked_library name)
  add_library(${name} STATIC ${ARGN})
  hooked_ours(${name})
  if(TARGET hooked_compiled)
    target_link_libraries(${name} PUBLIC hooked::compiled)
  endif()
endfunction()

# hooked_not_for_speed(level name...): programs in which what has to be fast is compiled into the
# library, if there is one; they are optimised at this level, or not at all where we debug.
function(hooked_not_for_speed level)
  if(TARGET hooked_compiled AND NOT MSVC)
    foreach(name IN LISTS ARGN)
      target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:${level}> $<$<CONFIG:Debug>:-O0>)
    endforeach()
  endif()
endfunction()

# hooked_unit(name source...): units that are compiled when somebody asks, to see whether they do.
function(hooked_unit name)
  add_library(${name} OBJECT EXCLUDE_FROM_ALL ${ARGN})
  target_link_libraries(${name} PRIVATE hooked::hooked hooked_warnings)
  target_compile_options(${name} PRIVATE $<$<NOT:$<BOOL:${MSVC}>>:-O0>)
endfunction()
