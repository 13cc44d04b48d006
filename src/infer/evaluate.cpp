#include "infer/evaluate.h"

#include <algorithm>
#include <cmath>
#include <iomanip>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "data/datasets/csv.h"
#include "runtime/transfer.h"

namespace trecvit {
namespace {

using at::Tensor;

// Softmax of every view, [B, classes], by the whole clip or frame by frame.
Tensor view_probabilities(const TRecViT& net, const Tensor& video, const std::string& mode) {
  if (mode == "clip") return at::softmax(net.classify_clips(video).logits, -1).cpu();
  ModelState state = net.make_state(video.size(1));
  TRecViT::Output output;
  for (std::int64_t t = 0; t < video.size(0); ++t) output = net.classify_streams(video.narrow(0, t, 1), state);
  return at::softmax(output.logits, -1).cpu();
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

}  // namespace

void check_probabilities(std::span<const float> p, const std::string& what) {
  const auto bad = std::find_if(p.begin(), p.end(), [](float value) { return !std::isfinite(value); });
  if (bad == p.end()) return;
  throw Error("the model's answer to ", what, " is not a number (class ", bad - p.begin(), " has ", *bad,
              "); its weights are damaged or too large for the precision");
}

EvalReport evaluate(const TRecViT& net, at::Device device, const Dataset& dataset, const DataConfig& data,
                    const EvalOptions& options, const std::function<void(std::int64_t, std::int64_t)>& progress) {
  const at::NoGradGuard no_grad;
  EvalReport report;
  const std::int64_t classes = net.config().classes, views = options.clips * options.crops;
  Loader loader(dataset, data,
                {.training = false,
                 .batch = options.batch,
                 .seed = options.seed,
                 .clips = static_cast<int>(options.clips),
                 .crops = static_cast<int>(options.crops),
                 .shuffle_frames = options.shuffle_frames,
                 .planes = takes_planes(data, device)});
  Upload upload(device);
  ClipBatch batch;
  while (loader.next(batch)) {
    for (auto& bad : loader.take_bad()) report.bad.push_back(std::move(bad));
    if (batch.clips > 0) {
      const Tensor probabilities = view_probabilities(net, upload(batch), options.mode);
      const float* p = probabilities.data_ptr<float>();
      for (std::int64_t b = 0; b < batch.clips; ++b, p += classes) {
        const auto i = static_cast<std::size_t>(b);
        const std::string& id = dataset.samples[static_cast<std::size_t>(batch.samples[i])].id;
        check_probabilities({p, static_cast<std::size_t>(classes)}, "video " + id);
        if (report.predictions.empty() || report.predictions.back().sample != batch.samples[i]) {
          const std::int64_t label = batch.labels[i];
          report.predictions.push_back(
              {.sample = batch.samples[i],
               .id = id,
               .label = label < 0 || options.labels.empty() ? label : options.labels[static_cast<std::size_t>(label)],
               .p = std::vector<float>(static_cast<std::size_t>(classes), 0.0f)});
        }
        for (std::int64_t c = 0; c < classes; ++c)
          report.predictions.back().p[static_cast<std::size_t>(c)] += p[c] / static_cast<float>(views);
      }
    }
    if (progress)
      progress(static_cast<std::int64_t>(report.predictions.size() + report.bad.size()),
               static_cast<std::int64_t>(dataset.samples.size()));
  }
  for (auto& bad : loader.take_bad()) report.bad.push_back(std::move(bad));
  report.missing = static_cast<std::int64_t>(dataset.samples.size() - report.predictions.size());
  score(report, classes);
  return report;
}

void score(EvalReport& report, std::int64_t classes) {
  report.n = 0;
  std::int64_t first = 0, five = 0;
  double loss = 0;
  report.confusion.assign(static_cast<std::size_t>(classes),
                          std::vector<std::int64_t>(static_cast<std::size_t>(classes), 0));
  for (const auto& prediction : report.predictions) {
    check_probabilities(prediction.p, "video " + prediction.id);
    if (prediction.label < 0) continue;
    ++report.n;
    const float own = prediction.p[static_cast<std::size_t>(prediction.label)];
    // Equal probabilities count by class index, as arg-max and stable top-k do.
    std::int64_t rank = 0;
    for (std::int64_t c = 0; c < classes; ++c) {
      const float p = prediction.p[static_cast<std::size_t>(c)];
      rank += p > own || (p == own && c < prediction.label);
    }
    first += rank == 0;
    five += rank < 5;
    loss -= std::log(std::max(static_cast<double>(own), 1e-12));
    const auto best = std::max_element(prediction.p.begin(), prediction.p.end()) - prediction.p.begin();
    ++report.confusion[static_cast<std::size_t>(prediction.label)][static_cast<std::size_t>(best)];
  }
  const double n = static_cast<double>(std::max<std::int64_t>(report.n, 1));
  report.top1 = static_cast<double>(first) / n;
  report.top5 = static_cast<double>(five) / n;
  report.loss = loss / n;
  double recall = 0;
  std::int64_t present = 0;
  for (std::size_t c = 0; c < report.confusion.size(); ++c) {
    std::int64_t total = 0;
    for (const auto count : report.confusion[c]) total += count;
    if (total == 0) continue;
    ++present;
    recall += static_cast<double>(report.confusion[c][c]) / static_cast<double>(total);
  }
  report.mean_class = present ? recall / static_cast<double>(present) : 0;
}

void check_answered(const EvalReport& report, const Dataset& dataset) {
  if (!report.predictions.empty()) return;
  throw Error("none of the ", dataset.samples.size(), " videos of the split ", dataset.split, " could be read",
              report.bad.empty() ? "" : "; the first: ", report.bad.empty() ? "" : report.bad.front().message);
}

std::string summary_json(const EvalReport& report) {
  return json_text(nlohmann::ordered_json{{"top1", report.top1},
                                          {"top5", report.top5},
                                          {"mean_class", report.mean_class},
                                          {"n", report.n},
                                          {"missing", report.missing},
                                          {"loss", report.loss}});
}

void write_report(const EvalReport& report, const Dataset& dataset, const std::vector<std::string>& labels,
                  const std::string& folder) {
  make_folders(folder);
  write_file(folder + "/summary.json", summary_json(report) + "\n");
  std::ostringstream lines, classes, confusion, missing;
  for (const auto& prediction : report.predictions) {
    lines << json_text(nlohmann::ordered_json{{"id", prediction.id}, {"label", prediction.label}, {"p", prediction.p}})
          << "\n";
  }
  classes << "class,label,n,correct,recall\n";
  for (std::size_t c = 0; c < report.confusion.size(); ++c) {
    std::int64_t total = 0;
    for (const auto count : report.confusion[c]) total += count;
    const std::int64_t correct = report.confusion[c][c];
    classes << c << "," << csv_cell(labels[c]) << "," << total << "," << correct << ","
            << (total ? static_cast<double>(correct) / static_cast<double>(total) : 0.0) << "\n";
    for (std::size_t k = 0; k < report.confusion[c].size(); ++k) confusion << (k ? "," : "") << report.confusion[c][k];
    confusion << "\n";
  }
  for (const auto& bad : report.bad)
    missing << datasets::tab_line(
                   {dataset.samples[static_cast<std::size_t>(bad.sample)].id, bad.path.string(), bad.message})
            << "\n";
  write_file(folder + "/predictions.jsonl", lines.str());
  write_file(folder + "/per_class.csv", classes.str());
  write_file(folder + "/confusion.csv", confusion.str());
  write_file(folder + "/missing.txt", missing.str());
}

}  // namespace trecvit
