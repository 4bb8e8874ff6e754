# Debian's libcaf-dev has neither a CMake config nor a .pc file: imported targets by hand.
find_path(CAF_INCLUDE_DIR caf/all.hpp REQUIRED)
foreach(module core io)
  find_library(CAF_${module}_LIBRARY caf_${module} REQUIRED)
  add_library(caf::${module} UNKNOWN IMPORTED GLOBAL)
  set_target_properties(caf::${module} PROPERTIES
    IMPORTED_LOCATION ${CAF_${module}_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${CAF_INCLUDE_DIR})
endforeach()
