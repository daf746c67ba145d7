# The console's files (built, see console/) and the runbooks, as a source of gw_control: no clean machine needs node.
file(GLOB console_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/console/dist/* ${CMAKE_SOURCE_DIR}/docs/runbooks/*.md)
set(console_data ${CMAKE_BINARY_DIR}/console_assets_data.cpp)
add_custom_command(OUTPUT ${console_data}
  COMMAND python3 ${CMAKE_SOURCE_DIR}/cmake/embed.py ${console_data} ${CMAKE_SOURCE_DIR}/console/dist
          ${CMAKE_SOURCE_DIR}/docs/runbooks
  DEPENDS ${CMAKE_SOURCE_DIR}/cmake/embed.py ${console_files}
  VERBATIM)
target_sources(gw_control PRIVATE ${console_data})
