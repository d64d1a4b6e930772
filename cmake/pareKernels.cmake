# The target pare::kernels: what headers alone would compile in every file, compiled once. Link it beside pare::pare;
# nothing else changes. Built only where something links it. Part of the sources and of the installed package.
add_library(pare_kernels STATIC EXCLUDE_FROM_ALL ${PARE_INCLUDE_DIR}/pare/pare.cpp)
add_library(pare::kernels ALIAS pare_kernels)
target_link_libraries(pare_kernels PUBLIC pare::pare)
target_compile_definitions(pare_kernels INTERFACE PARE_KERNELS_COMPILED)
