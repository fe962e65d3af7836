# hooked::compiled: what everybody uses, compiled once. A program that links it says HOOKED_COMPILED,
# which makes the headers declare what the library defines (core/compiled.hpp), and gets the same
# bits. Unlike the headers, it is for one kind of processor: with HOOKED_NATIVE this machine's, which
# then is passed on to whoever links it. Who is built for another all the same does not link.
file(GLOB units CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/compiled/*.cpp)
add_library(hooked_compiled STATIC ${units})
add_library(hooked::compiled ALIAS hooked_compiled)
set_target_properties(hooked_compiled PROPERTIES
  EXPORT_NAME compiled POSITION_INDEPENDENT_CODE ON)
target_link_libraries(hooked_compiled
  PUBLIC hooked PRIVATE $<BUILD_INTERFACE:hooked_warnings>)
if(HOOKED_NATIVE)
  target_link_libraries(hooked_compiled PUBLIC hooked_native)
endif()
# Its own units, too, so that each compiles only what it is there for.
target_compile_definitions(hooked_compiled PUBLIC HOOKED_COMPILED)
