# Run by every build: cmake -D SOURCE=... -D OUT=... -P Commit.cmake. Writes the commit into a header, when it changed.
execute_process(COMMAND git describe --always --dirty --exclude=* WORKING_DIRECTORY ${SOURCE}
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT commit)
  set(commit unknown)
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT "#define TRECVIT_COMMIT \"${commit}\"\n")
