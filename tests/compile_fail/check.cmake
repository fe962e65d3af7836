# Builds one target and holds what the compiler says against the first line of the source.
file(STRINGS ${source} expected LIMIT_COUNT 1)
if(NOT expected MATCHES "^// expect: (.+)$")
  message(FATAL_ERROR "${source}:1: the first line is not '// expect: REGEX'")
endif()
set(expected "${CMAKE_MATCH_1}")

execute_process(COMMAND ${CMAKE_COMMAND} --build ${build} --config ${config} --target ${target}
  RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)

if(expected STREQUAL "success")
  if(NOT status EQUAL 0)
    set(refusal "must compile, but:\n${output}")
  endif()
elseif(status EQUAL 0)
  set(refusal "must not compile, but it does")
elseif(NOT output MATCHES "${expected}")
  set(refusal "the compiler does not say '${expected}', but:\n${output}")
endif()
if(refusal)
  message(NOTICE "${target}: ${refusal}")
  message(FATAL_ERROR "${source} is refused")
endif()
