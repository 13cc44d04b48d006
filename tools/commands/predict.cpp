#include <memory>

#include "core/log.h"
#include "infer/streamer.h"
#include "infer/answer_json.h"
#include "tools/cli/model_options.h"
#include "tools/cli/output.h"
#include "tools/cli/sources.h"
#include "tools/cli/verbs.h"

namespace trecvit::tools {
namespace {

struct Options {
  ModelOptions model;
  std::vector<std::string> sources;
  std::string format = "table";
  std::int64_t topk = 5, stride = 0;
  double deadline_s = 30;
};

std::string jsonl(const std::string& source, const std::vector<float>& p, const AnswerWriter& writer) {
  std::string out = "{\"source\":" + quoted(source) + ",\"topk\":";
  writer.append_topk(out, p);
  return out + "}\n";
}

std::string csv_cell(const std::string& value) {
  if (value.find_first_of(",\"\n\r") == std::string::npos) return value;
  std::string out = "\"";
  for (const char c : value) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}

std::string csv(const std::string& source, const std::vector<float>& p, const Model& model, std::int64_t k) {
  std::string out;
  std::int64_t rank = 0;
  for (const Ranked& ranked : top(p, k)) {
    out += text(csv_cell(source), ",", ++rank, ",", ranked.id, ",",
                csv_cell(model.labels[static_cast<std::size_t>(ranked.id)]), ",");
    append_number(out, ranked.p);
    out += "\n";
  }
  return out;
}

std::string human(const std::string& source, const std::vector<float>& p, const Model& model, std::int64_t k) {
  std::vector<std::vector<std::string>> rows;
  for (const Ranked& ranked : top(p, k))
    rows.push_back(
        {"", fixed(100 * static_cast<double>(ranked.p), 2) + " %", model.labels[static_cast<std::size_t>(ranked.id)]});
  return source + "\n" + text_table(rows);
}

ExitCode run(const Options& options) {
  if (options.format != "table" && options.format != "jsonl" && options.format != "csv")
    throw UsageError("--format is ", options.format, "; it must be table, jsonl or csv");
  const std::vector<std::string> sources = expand_sources(options.sources);
  const std::unique_ptr<Model> model = options.model.load();
  const Pace pace = frame_pace(*model, options.stride);
  const AnswerWriter writer(model->labels, options.topk);
  Streamer streamer(*model);
  if (options.format == "csv") print("source,rank,id,label,p\n");
  std::size_t bad = 0;
  for (const std::string& source : sources) {
    std::vector<float> p;
    try {
      p = predict_file(streamer, source, pace, options.deadline_s);
    } catch (const UsageError&) {
      throw;
    } catch (const Error& error) {
      if (sources.size() == 1) throw;
      ++bad;
      log_warning(error.what());
      continue;
    }
    print(options.format == "jsonl" ? jsonl(source, p, writer)
          : options.format == "csv" ? csv(source, p, *model, options.topk)
                                    : human(source, p, *model, options.topk));
  }
  if (bad > 0) throw Error(bad, " of ", sources.size(), " sources have no answer");
  return ExitCode::kDone;
}

}  // namespace

void add_predict(CLI::App& app, VerbContext& context) {
  auto options = std::make_shared<Options>();
  CLI::App& verb = add_verb(app, context, "predict", "what happens in videos", [options] { return run(*options); });
  options->model.add_to(verb);
  verb.add_option("SOURCE", options->sources, "video files, folders, patterns, .txt lists")->required();
  verb.add_option("--topk", options->topk, "classes to show")->check(CLI::PositiveNumber);
  verb.add_option("--format", options->format, "table, jsonl (source, topk) or csv");
  verb.add_option("--stride", options->stride, "every n-th frame; 0: as the model was trained")
      ->check(CLI::NonNegativeNumber);
  verb.add_option("--deadline", options->deadline_s, "longest time for one step of decoding, seconds")
      ->check(CLI::PositiveNumber);
}

}  // namespace trecvit::tools
