// Version and features of this build.
#pragma once

#include <string>

namespace trecvit::tools {

std::string program_version();  // "0.1.0"
std::string git_commit();       // of the sources when they were built, "-dirty" behind it; "unknown"
bool cuda_build();              // the CUDA kernels are in

}  // namespace trecvit::tools
