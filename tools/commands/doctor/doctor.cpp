#include "tools/commands/doctor/doctor.h"

#include <algorithm>
#include <memory>

#include "tools/cli/output.h"
#include "tools/cli/verbs.h"
#include "tools/cli/version.h"

namespace trecvit::tools {
namespace {

const char* yes_no(bool value) { return value ? "yes" : "no"; }

void print_tables(const std::vector<SelfTest>& tests) {
  print(text_table({{"trecvit", text(program_version(), ", commit ", git_commit())},
               {"CUDA build", yes_no(cuda_build())},
               {"LibTorch", torch_version()},
               {"FFmpeg", ffmpeg_version()},
               {"OpenCV", opencv_version()}}));
  std::vector<std::vector<std::string>> rows{{"device", "what it is"}};
  for (const Device& device : devices()) rows.push_back({device.name, device.description});
  print("\n" + text_table(rows));
  rows = {{"codec", "decoder", "encoder"}};
  for (const Codec& codec : available_codecs())
    rows.push_back({codec.name, yes_no(codec.decoder), yes_no(codec.encoder)});
  print("\n" + text_table(rows));
  rows = {{"self test", "device", "precision", "error", "tolerance", "passed"}};
  for (const SelfTest& test : tests)
    rows.push_back(
        {test.op, test.device, test.precision, text(test.error), text(test.tolerance), yes_no(test.passed())});
  print("\n" + text_table(rows));
}

void print_report(const std::vector<SelfTest>& tests) {
  Json report{{"version", program_version()}, {"commit", git_commit()},     {"cuda_build", cuda_build()},
              {"torch", torch_version()},     {"ffmpeg", ffmpeg_version()}, {"opencv", opencv_version()}};
  report["devices"] = Json::array();
  for (const Device& device : devices())
    report["devices"].push_back({{"name", device.name}, {"description", device.description}});
  report["codecs"] = Json::object();
  for (const Codec& codec : available_codecs())
    report["codecs"][codec.name] = {{"decoder", codec.decoder}, {"encoder", codec.encoder}};
  report["self_tests"] = Json::array();
  for (const SelfTest& test : tests) {
    report["self_tests"].push_back({{"op", test.op},
                                    {"device", test.device},
                                    {"precision", test.precision},
                                    {"error", test.error},
                                    {"tolerance", test.tolerance},
                                    {"passed", test.passed()}});
  }
  print_json(report, 2);
}

ExitCode run(bool json) {
  const std::vector<SelfTest> tests = self_tests();
  json ? print_report(tests) : print_tables(tests);
  const auto failed = std::find_if(tests.begin(), tests.end(), [](const SelfTest& test) { return !test.passed(); });
  if (failed != tests.end())
    throw Error("the self test of ", failed->op, " on ", failed->device, " is off by ", failed->error,
                "; it must be within ", failed->tolerance);
  return ExitCode::kDone;
}

}  // namespace

void add_doctor(CLI::App& app, VerbContext& context) {
  struct Options {
    std::string golden, device = "auto", precision = "fp32";
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App& verb =
      add_verb(app, context, "doctor", "versions, codecs, devices and a self test of every kernel", [options] {
        return options->golden.empty()
                   ? run(options->json)
                   : check_golden_file(options->golden, options->device, options->precision, options->json);
      });
  verb.add_option("--golden", options->golden, "instead: hold the model against recorded outputs (.npz)")
      ->type_name("FILE");
  verb.add_option("--device", options->device, "of --golden: auto, cpu or cuda:0");
  verb.add_option("--precision", options->precision, "of --golden: fp32 or bf16");
  verb.add_flag("--json", options->json, "as JSON");
}

}  // namespace trecvit::tools
