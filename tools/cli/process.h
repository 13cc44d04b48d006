// Process settings that come before everything else.
#pragma once

namespace trecvit::tools {

// Standard streams that are closed lead to /dev/null; the process gets its name; and two settings of the C and OpenMP
// run times that this program's work needs, for which it may start the program anew (once).
void prepare_process(char** argv);

}  // namespace trecvit::tools
