// trecvit: one program, a verb per task. Results go to standard output, words for people to standard error.
#include <csignal>
#include <new>
#include <sstream>
#include <string>

#include "core/log.h"
#include "tools/cli/output.h"
#include "tools/cli/process.h"
#include "tools/cli/usage.h"
#include "tools/cli/verbs.h"
#include "tools/cli/version.h"

namespace trecvit::tools {
namespace {

int code(ExitCode value) { return static_cast<int>(value); }

ExitCode parse_and_run(int argc, char** argv) {
  CLI::App app("Trains, evaluates and streams TRecViT causal video models.", "trecvit");
  app.option_defaults()->always_capture_default();
  app.set_version_flag("--version", text("trecvit ", program_version(), " (", git_commit(), ")"));
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 below a gate, 130 interrupted after saving.");
  VerbContext context;
  add_train(app, context);
  add_eval(app, context);
  add_predict(app, context);
  add_stream(app, context);
  add_dataset(app, context);
  add_inspect(app, context);
  add_convert(app, context);
  add_bench(app, context);
  add_config(app, context);
  add_doctor(app, context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& failure) {
    if (failure.get_exit_code() != 0) throw UsageError(usage_sentence(app, failure));
    std::ostringstream out;
    app.exit(failure, out, out);  // --help and --version
    print(out.str());
    return ExitCode::kDone;
  }
  return context.action();
}

// Libraries put a stack trace behind the first line of what went wrong.
std::string first_line(const std::string& message) { return message.substr(0, message.find('\n')); }

int run(int argc, char** argv) {
  // A reader that goes away is an error of print(), not the end in the middle of a file.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return code(parse_and_run(argc, argv));
  } catch (const OutputClosed&) {
    return code(ExitCode::kDone);
  } catch (const UsageError& error) {
    log_error(error.what());
    return code(ExitCode::kUsage);
  } catch (const Error& error) {
    log_error(error.what());
  } catch (const InternalError& error) {
    log_error(text("a fault of trecvit itself, please report it: ", first_line(error.what())));
  } catch (const std::bad_alloc&) {
    log_error("there is not enough memory");
  } catch (const std::exception& error) {
    log_error(first_line(error.what()));
  }
  return code(ExitCode::kFailed);
}

}  // namespace
}  // namespace trecvit::tools

int main(int argc, char** argv) {
  trecvit::tools::prepare_process(argv);
  return trecvit::tools::run(argc, argv);
}
