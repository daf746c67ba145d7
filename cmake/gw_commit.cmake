# Writes which commit is built, when it is built: cmake -DSOURCE=<tree> -DOUTPUT=<file> [-DGW_COMMIT=<commit>] -P gw_commit.cmake
# GW_COMMIT is for trees without git, such as a container's. What is as before is not written again.
if(NOT GW_COMMIT)
  # The tree may be somebody else's, as in a container; nothing of it is run.
  execute_process(COMMAND git -c safe.directory=* -C ${SOURCE} rev-parse --short=12 HEAD
    OUTPUT_VARIABLE GW_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(failed)
    set(GW_COMMIT unknown)
  endif()
endif()
if(NOT GW_COMMIT MATCHES "^[0-9A-Za-z._-]+$")
  message(FATAL_ERROR "GW_COMMIT is no name of a commit: ${GW_COMMIT}")
endif()
configure_file(${CMAKE_CURRENT_LIST_DIR}/commit.cpp.in ${OUTPUT} @ONLY)
