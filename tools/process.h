// What has to be set before anything else of the process runs.
#pragma once

namespace trecvit::tools {

// Two settings of the C and OpenMP run times that this program's work needs; may start the program anew (once).
void prepare_process(char** argv);

}  // namespace trecvit::tools
