# Builds PROGRAM in the folder BUILD and fails unless it prints what the file PAGE holds.
execute_process(
  COMMAND ${CMAKE_COMMAND} --build ${build} --config "${config}" --target print_site_table
  OUTPUT_VARIABLE said ERROR_VARIABLE said RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${said}")
endif()
execute_process(COMMAND ${program} OUTPUT_VARIABLE printed COMMAND_ERROR_IS_FATAL ANY)
file(READ ${page} written)
if(NOT printed STREQUAL written)
  message(FATAL_ERROR "docs/sites.md is out of date: run ./dev docs")
endif()
