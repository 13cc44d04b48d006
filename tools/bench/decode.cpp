// Decodes chosen frames of many clips on one thread and prints the time as JSON:
//   bench_decode LIST [--size 224] [--dump FILE] [--index-cache FOLDER]
// A line of LIST: path, a tab, frame numbers with commas between. Every frame is resized to size x size RGB. With
// --dump the RGB bytes are written to FILE, in the order of the list. "convert_seconds" is the part spent in convert(),
// "open_cpu_seconds" the processor time of opening and indexing; --index-cache keeps the indices of large files there.
#include <chrono>
#include <cstdint>
#include <ctime>
#include <exception>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "core/error.h"
#include "data/video/rgb.h"
#include "data/video/decoder.h"

namespace {

using Clock = std::chrono::steady_clock;
double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

struct Request {
  std::string path;
  std::vector<std::int64_t> numbers;
};

std::vector<Request> read_list(const std::string& file) {
  std::ifstream in(file);
  if (!in) throw trecvit::Error("list ", file, " cannot be read");
  std::vector<Request> requests;
  for (std::string line; std::getline(in, line);) {
    const std::size_t tab = line.find('\t');
    if (tab == std::string::npos) throw trecvit::Error("list ", file, " has a line without a tab: ", line);
    Request request{line.substr(0, tab), {}};
    std::istringstream numbers(line.substr(tab + 1));
    for (std::string number; std::getline(numbers, number, ',');) request.numbers.push_back(std::stoll(number));
    requests.push_back(std::move(request));
  }
  return requests;
}

void run(const std::string& list, int size, const std::string& dump, const std::string& index_cache) {
  const std::vector<Request> requests = read_list(list);
  const auto bytes = static_cast<std::size_t>(size) * static_cast<std::size_t>(size) * 3;
  std::ofstream out;
  if (!dump.empty()) out.open(dump, std::ios::binary);
  std::vector<std::uint8_t> rgb;
  double seconds = 0, convert_seconds = 0, open_cpu_seconds = 0;
  const std::clock_t cpu_start = std::clock();
  std::int64_t frames = 0, decoded = 0;
  for (const Request& request : requests) {
    const Clock::time_point start = Clock::now();
    rgb.resize(bytes * request.numbers.size());
    const std::clock_t open_start = std::clock();
    trecvit::video::Decoder decoder(request.path, {.index_cache = index_cache});
    decoder.times();
    open_cpu_seconds += static_cast<double>(std::clock() - open_start) / CLOCKS_PER_SEC;
    decoder.decode(request.numbers, [&](std::size_t k, const trecvit::video::Frame& frame) {
      const Clock::time_point began = Clock::now();
      trecvit::video::convert(frame, trecvit::video::whole(frame), size, size, rgb.data() + bytes * k);
      convert_seconds += since(began);
    });
    seconds += since(start);
    frames += static_cast<std::int64_t>(request.numbers.size());
    decoded += decoder.counts().frames;
    if (out.is_open()) out.write(reinterpret_cast<const char*>(rgb.data()), static_cast<std::streamsize>(rgb.size()));
  }
  const double cpu_seconds = static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC;
  std::cout << "{\"seconds\": " << seconds << ", \"cpu_seconds\": " << cpu_seconds << ", \"frames\": " << frames
            << ", \"frames_per_second\": " << static_cast<double>(frames) / seconds << ", \"decoded\": " << decoded
            << ", \"convert_seconds\": " << convert_seconds << ", \"open_cpu_seconds\": " << open_cpu_seconds << "}\n";
}

}  // namespace

int main(int count, char** arguments) {
  std::string list, dump, index_cache;
  int size = 224;
  for (int i = 1; i < count; ++i) {
    const std::string word = arguments[i];
    if (word == "--size" && i + 1 < count) {
      size = std::stoi(arguments[++i]);
    } else if (word == "--dump" && i + 1 < count) {
      dump = arguments[++i];
    } else if (word == "--index-cache" && i + 1 < count) {
      index_cache = arguments[++i];
    } else {
      list = word;
    }
  }
  if (list.empty() || size < 1) {
    std::cerr << "usage: bench_decode LIST [--size 224] [--dump FILE] [--index-cache FOLDER]\n";
    return 2;
  }
  try {
    run(list, size, dump, index_cache);
  } catch (const std::exception& failure) {
    std::cerr << failure.what() << "\n";
    return 1;
  }
}
