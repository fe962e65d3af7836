# The headers, a CMake package and a pkg-config file: text that fits any processor and may be moved
# to another prefix. And hooked::compiled, if it is built.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(package_dir ${CMAKE_INSTALL_DATADIR}/cmake/hooked)
set(pkgconfig_dir ${CMAKE_INSTALL_DATADIR}/pkgconfig)

install(DIRECTORY include/hooked DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.hpp")
install(TARGETS hooked hooked_native EXPORT hookedTargets INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(HOOKED_BUILD_COMPILED)
  install(TARGETS hooked_compiled EXPORT hookedTargets DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
install(EXPORT hookedTargets NAMESPACE hooked:: DESTINATION ${package_dir})

configure_package_config_file(cmake/hookedConfig.cmake.in hookedConfig.cmake
  INSTALL_DESTINATION ${package_dir})
set(any_processor ARCH_INDEPENDENT)
if(HOOKED_BUILD_COMPILED)
  set(any_processor)
endif()
write_basic_package_version_file(hookedConfigVersion.cmake
  COMPATIBILITY SameMinorVersion ${any_processor})
install(FILES
  ${CMAKE_CURRENT_BINARY_DIR}/hookedConfig.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/hookedConfigVersion.cmake
  cmake/HookedBuildType.cmake
  DESTINATION ${package_dir})

file(RELATIVE_PATH pkgconfig_to_include
  ${CMAKE_INSTALL_FULL_DATADIR}/pkgconfig ${CMAKE_INSTALL_FULL_INCLUDEDIR})
list(TRANSFORM hooked_definitions PREPEND -D OUTPUT_VARIABLE pkgconfig_definitions)
list(JOIN pkgconfig_definitions " " pkgconfig_definitions)
configure_file(cmake/hooked.pc.in hooked.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/hooked.pc DESTINATION ${pkgconfig_dir})
