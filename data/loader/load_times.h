// Where the time of reading clips goes, stage by stage.
#pragma once

#include <cstdint>

namespace trecvit {

// Sums over the videos read, and over the threads that read them.
struct LoadTimes {
  double open_s = 0;     // opening files, indexing their frames (reads every packet), closing
  double decode_s = 0;   // codecs
  double convert_s = 0;  // colour conversion, crop and resize of the kept frames
  double augment_s = 0;   // augmentation other than crop and flip
  double cpu_s = 0;  // processor time of all stages; less than their sum: the disk or other programs were waited for
  std::int64_t videos = 0;
  std::int64_t decoded = 0;  // frames that came out of codecs
  std::int64_t kept = 0;     // frames that clips are made of

  double total_s() const { return open_s + decode_s + convert_s + augment_s; }

  LoadTimes& operator+=(const LoadTimes& other) {
    open_s += other.open_s;
    decode_s += other.decode_s;
    convert_s += other.convert_s;
    augment_s += other.augment_s;
    cpu_s += other.cpu_s;
    videos += other.videos;
    decoded += other.decoded;
    kept += other.kept;
    return *this;
  }
};

}  // namespace trecvit
