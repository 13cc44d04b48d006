// The report of `trecvit bench`: a row per measurement, as a table or as JSON.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace trecvit::tools {

struct BenchRow {
  std::string name;        // "clip 8x32"
  double value = 0;        // what `unit` counts: from the median of `ms`
  std::string unit;        // "frames/s", "ms", "TFLOP/s", "GB/s"
  std::vector<double> ms;  // every repeat
  double flops = 0;        // of one repeat; 0: not told
  double bytes = 0;        // that one repeat must move through memory at least; 0: not told
  std::int64_t peak_bytes = 0;
};

struct BenchReport {
  std::string device;                       // "NVIDIA H100 80GB HBM3"
  double flops_per_s = 0, bytes_per_s = 0;  // the ceilings, measured in the same run
  std::vector<BenchRow> rows;
  std::vector<std::string> remarks;  // lines below the table; what they say follows from rows
};

// The value below which a share of `values` lies, 0..1; of the sorted values the nearest.
double quantile(std::vector<double> values, double share);

// format: "table" for people, or "json": an array of objects with name value unit p50 p90 p99 (ms) mfu bandwidth
// (shares of the ceilings, or null) peak_bytes device commit. UsageError: another format.
void check_bench_format(const std::string& format);
void print_bench(const BenchReport& report, const std::string& format);

}  // namespace trecvit::tools
