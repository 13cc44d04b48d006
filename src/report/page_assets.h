// The style and the script of every page. Internal to src/report.
#pragma once

namespace trecvit::report {

extern const char* const kPageStyle;
extern const char* const kPageScript;

}  // namespace trecvit::report
