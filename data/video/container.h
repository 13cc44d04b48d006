// A file opened for reading its video stream's packets, under a deadline. Internal to data/video.
#pragma once

#include <string>

#include "data/video/decoder.h"
#include "data/video/libav.h"

namespace trecvit::video {

// Probing decodes some frames to learn what the container does not tell (3 ms and more per file).
enum class Probe { kWhenNeeded, kAlways };

class Container {
 public:
  // `deadline` belongs to the caller and must outlive this object. Errors: as Decoder's constructor.
  Container(const std::string& source, const Deadline& deadline, Probe probe);

  // Fills `packet` with the next packet of the video stream; false at the end of what can be read. Error: deadline.
  bool read(AVPacket* packet);

  // Back to the first packet; a source that cannot be sought is opened anew.
  void rewind();

  // The reader goes to a packet with a decoding time of at most `dts` (stream units) if it can; false: still undefined.
  bool seek(std::int64_t dts);

  AVStream& stream() const { return *stream_; }

  // Why reading ended before the end of the file; empty when it did not.
  const std::string& damage() const { return damage_; }

  // Error when the deadline has passed.
  void check_deadline() const;

  // Everything but `frames`, from the headers (and the probe).
  VideoInfo info() const;

 private:
  void open(Probe probe);
  void find_video();

  std::string source_;
  const Deadline& deadline_;
  Handle<AVFormatContext> format_;
  AVStream* stream_ = nullptr;
  std::string damage_;
  bool started_ = false;  // a packet was read
};

}  // namespace trecvit::video
