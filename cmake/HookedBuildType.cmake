# Said when a project that uses hooked is configured for programs that would crawl.
string(TOUPPER "${CMAKE_BUILD_TYPE}" hooked_build_type)
if(NOT CMAKE_CONFIGURATION_TYPES AND NOT MSVC
    AND NOT "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${hooked_build_type}}" MATCHES "[-/]O([123s]|fast)")
  if(NOT CMAKE_BUILD_TYPE)
    set(hooked_build_type "no build type")
  endif()
  message(NOTICE
    "hooked: ${hooked_build_type}: compiled without optimisation, programs are many times "
    "slower; choose -DCMAKE_BUILD_TYPE=Release, and link hooked::native for the full speed of this "
    "processor")
endif()
unset(hooked_build_type)
