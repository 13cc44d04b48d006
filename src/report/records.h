// The lines of a run's files: train.jsonl, metrics.jsonl, predictions.jsonl, bad_videos.jsonl, env.json. Each kind of
// line is a struct whose one definition, visit(), both writes and reads it.
//
// visit(self, visitor) calls visitor(name, field, doc) for every field, as a config struct does (core/config.h); a
// field is a std::string, bool, std::int64_t, double or a std::vector of double or std::string. Numbers that are not
// finite are written as null and read as NaN. Bytes that are not UTF-8 are written as U+FFFD.
#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/config.h"

namespace trecvit {

constexpr double kNotMeasured = std::numeric_limits<double>::quiet_NaN();

// A line of train.jsonl: means over the steps since the line before.
struct TrainRecord {
  std::int64_t step = 0;
  double epoch = 0;
  double loss = kNotMeasured;
  double lr = kNotMeasured;
  double grad_norm = kNotMeasured;
  double clips_per_s = kNotMeasured;
  double data_wait = kNotMeasured;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("step", self.step, "optimiser steps done");
    visitor("epoch", self.epoch, "passes over the training set, with a fraction");
    visitor("loss", self.loss, "of the objective, mean over clips");
    visitor("lr", self.lr, "learning rate of the step");
    visitor("grad_norm", self.grad_norm, "before clipping");
    visitor("clips_per_s", self.clips_per_s, "clips trained on per second");
    visitor("data_wait", self.data_wait, "share of the time spent waiting for data, 0..1");
  }
};

// A line of metrics.jsonl, and the summary of an evaluation.
struct MetricsRecord {
  std::int64_t step = 0;
  double top1 = kNotMeasured, top5 = kNotMeasured, mean_class = kNotMeasured;
  std::int64_t n = 0, missing = 0;
  double loss = kNotMeasured;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("step", self.step, "optimiser steps done when it was evaluated");
    visitor("top1", self.top1, "share of videos whose first answer is right");
    visitor("top5", self.top5, "share of videos with the right answer among the first five");
    visitor("mean_class", self.mean_class, "mean over classes of the share that is right");
    visitor("n", self.n, "videos evaluated");
    visitor("missing", self.missing, "videos that could not be read");
    visitor("loss", self.loss, "mean cross-entropy");
  }
};

// A line of predictions.jsonl.
struct PredictionRecord {
  std::string id;
  std::int64_t label = -1;
  std::vector<double> p;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("id", self.id, "of the video in its data set");
    visitor("label", self.label, "the model's class that is right; -1: not known");
    visitor("p", self.p, "probability of each class");
  }
};

// A line of bad_videos.jsonl.
struct BadVideoRecord {
  std::int64_t step = 0, epoch = 0;
  std::string split, id, path, error;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("step", self.step, "optimiser steps done when it was met");
    visitor("epoch", self.epoch, "of the training set");
    visitor("split", self.split, "train, validation, ...");
    visitor("id", self.id, "of the video in its data set");
    visitor("path", self.path, "of the file");
    visitor("error", self.error, "what was wrong, one sentence");
  }
};

// env.json: what a run ran on.
struct RunEnvironment {
  std::string version, commit, torch, device, gpu, host, started;
  std::int64_t threads = 0, parameters = 0, world_size = 1;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("version", self.version, "of trecvit");
    visitor("commit", self.commit, "of its source");
    visitor("torch", self.torch, "version of LibTorch");
    visitor("device", self.device, "cpu or cuda:N");
    visitor("gpu", self.gpu, "its name; empty on a CPU");
    visitor("host", self.host, "name of the machine");
    visitor("started", self.started, "UTC, ISO 8601");
    visitor("threads", self.threads, "of LibTorch on the CPU");
    visitor("parameters", self.parameters, "of the model");
    visitor("world_size", self.world_size, "processes");
  }
};

using RecordJson = nlohmann::ordered_json;

namespace records {

template <class T>
RecordJson to_field(const T& value) {
  if constexpr (std::is_same_v<T, double>) {
    return std::isfinite(value) ? RecordJson(value) : RecordJson(nullptr);
  } else if constexpr (std::is_same_v<T, std::vector<double>>) {
    RecordJson list = RecordJson::array();
    for (const double v : value) list.push_back(to_field(v));
    return list;
  } else {
    return RecordJson(value);
  }
}

// False when the JSON value is of another type.
bool from_field(const RecordJson& json, std::string& field);
bool from_field(const RecordJson& json, bool& field);
bool from_field(const RecordJson& json, std::int64_t& field);
bool from_field(const RecordJson& json, double& field);
bool from_field(const RecordJson& json, std::vector<double>& field);
bool from_field(const RecordJson& json, std::vector<std::string>& field);

// The object on `line`; discarded when it is not one.
RecordJson parse_object(std::string_view line);

std::string dump(const RecordJson& json);

}  // namespace records

// One line of JSON, without its end.
template <class Record>
std::string to_line(const Record& record) {
  RecordJson json = RecordJson::object();
  for_each_field(
      record, [&](const std::string& name, const auto& field, const char*) { json[name] = records::to_field(field); });
  return records::dump(json);
}

// Fills the fields that `json` has; the others keep their values and keys that the record lacks are ignored, so that
// older and newer files can be read. False when a field has another type.
template <class Record>
bool from_json(const RecordJson& json, Record& record) {
  bool fits = json.is_object();
  if (!fits) return false;
  for_each_field(record, [&](const std::string& name, auto& field, const char*) {
    const auto found = json.find(name);
    if (found != json.end()) fits = records::from_field(*found, field) && fits;
  });
  return fits;
}

template <class Record>
bool from_line(std::string_view line, Record& record) {
  return from_json(records::parse_object(line), record);
}

template <class Record>
struct RecordFile {
  std::vector<Record> records;
  std::int64_t broken = 0;  // lines that are no such record; they are left out
  bool cut_off = false;     // the last line has no end and is broken: its writer was killed while writing it
};

// The records in the text of a .jsonl file.
template <class Record>
RecordFile<Record> parse_records(std::string_view text) {
  RecordFile<Record> file;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    const std::string_view line = text.substr(begin, end == std::string_view::npos ? end : end - begin);
    begin = end == std::string_view::npos ? text.size() : end + 1;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    Record record;
    if (from_line(line, record)) {
      file.records.push_back(std::move(record));
    } else {
      ++file.broken;
      file.cut_off = end == std::string_view::npos;
    }
  }
  return file;
}

// Error: the file is missing or unreadable.
std::string read_records_text(const std::filesystem::path& path);

template <class Record>
RecordFile<Record> read_records(const std::filesystem::path& path) {
  return parse_records<Record>(read_records_text(path));
}

}  // namespace trecvit
