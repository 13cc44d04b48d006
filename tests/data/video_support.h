// Videos made on the spot: every frame carries its number as eight bars, so that a wrong frame is seen at once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "data/video/decoder.h"
#include "data/video/frame.h"

struct AVPacket;

namespace trecvit::video_test {

constexpr int kWidth = 64, kHeight = 48;  // 8 bars of 8 pixels

// A folder that is removed at the end of the test.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

struct ClipSpec {
  std::string file = "clip.mp4";    // the suffix chooses the container
  std::string encoder = "libx264";  // FFmpeg's name
  std::string pix_fmt = "yuv420p";
  int frames = 60;
  int fps = 12;
  int gop = 12;
  int b_frames = 0;
  bool two_passes = false;                     // lets libvpx place invisible alternate reference frames
  std::map<std::string, std::string> options;  // of the encoder
  std::map<std::string, std::string> muxer;    // of the container
  std::function<void(AVPacket&, int)> edit;    // changes packet i before it is written
  std::function<std::int64_t(int)> pts;        // milliseconds of frame i; by default i / fps
};

inline void PrintTo(const ClipSpec& spec, std::ostream* out) { *out << spec.encoder << " in " << spec.file; }

// False when this FFmpeg has no such encoder.
bool write_clip(const std::filesystem::path& path, const ClipSpec& spec);

// The number a frame shows.
int shown_number(const video::Frame& frame);

// 64-bit FNV of all planes: equal when all pixels are.
std::uint64_t pixel_hash(const video::Frame& frame);

// Whether `program` can be run, and what `command` prints (standard output).
bool have_program(const std::string& program);
std::string output_of(const std::string& command);

void write_bytes(const std::filesystem::path& path, const std::string& bytes);
std::string read_bytes(const std::filesystem::path& path);

// The bytes of a .wav: half a second of silence, and no picture.
std::string silence();

// The message of the trecvit::Error that `action` throws; "" when it throws none.
std::string error_of(const std::function<void()>& action);

}  // namespace trecvit::video_test
