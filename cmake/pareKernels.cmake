# The target pare::kernels: the kernels, and the reading and writing of .pare files, compiled once instead of in every
# file. It brings pare::pare along; nothing else changes. Built only where something links it. Part of the sources and of
# the installed package; PARE_INCLUDE_DIR says where the headers are.
add_library(pare_kernels STATIC EXCLUDE_FROM_ALL ${PARE_INCLUDE_DIR}/pare/compiled_kernels.cpp
                                                 ${PARE_INCLUDE_DIR}/pare/compiled_files.cpp)
add_library(pare::kernels ALIAS pare_kernels)
target_link_libraries(pare_kernels PUBLIC pare::pare)
target_compile_definitions(pare_kernels PUBLIC PARE_KERNELS_COMPILED)
set_target_properties(pare_kernels PROPERTIES POSITION_INDEPENDENT_CODE ON)
unset(PARE_INCLUDE_DIR)
