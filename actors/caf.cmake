# Debian's libcaf-dev has neither a CMake config nor a .pc file: imported targets by hand.
find_path(CAF_INCLUDE_DIR caf/all.hpp REQUIRED)
find_package(OpenSSL REQUIRED)
foreach(module core io openssl)
  find_library(CAF_${module}_LIBRARY caf_${module} REQUIRED)
  add_library(caf::${module} UNKNOWN IMPORTED GLOBAL)
  set_target_properties(caf::${module} PROPERTIES
    IMPORTED_LOCATION ${CAF_${module}_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${CAF_INCLUDE_DIR})
endforeach()
target_link_libraries(caf::openssl INTERFACE OpenSSL::SSL)
