// A file opened for reading its video stream's packets, under a deadline. Internal to data/video.
#pragma once

#include <string>

#include "data/video/decoder.h"
#include "data/video/libav.h"
#include "data/video/live_input.h"

namespace trecvit::video {

// Probing decodes some frames to learn what the container does not tell (3 ms and more per file).
enum class Probe { kWhenNeeded, kAlways };

class Container {
 public:
  // `deadline` belongs to the caller and must outlive this object. `live` as in DecoderOptions. Errors: as Decoder's
  // constructor.
  Container(const std::string& source, const Deadline& deadline, Probe probe, bool live = false);

  // Fills `packet` with the next packet of the video stream; false at the end of what can be read. A packet that was
  // damaged on its way is marked AV_PKT_FLAG_CORRUPT; one that the end cut short is left out. Error: deadline.
  bool read(AVPacket* packet);

  // Back to the first packet; a source that cannot be sought is opened anew. Error: it cannot be opened twice.
  void rewind();

  // The reader goes to a packet with a decoding time of at most `dts` (stream units) if it can; false: still undefined.
  bool seek(std::int64_t dts);

  AVStream& stream() const { return *stream_; }

  // Whether frames come from a file whose headers do not tell how they are reordered. MP4 files do: by the times of
  // all.
  bool order_unknown() const;

  // Why reading ended before the end of the file; empty when it did not.
  const std::string& damage() const { return damage_; }

  // As messages call it.
  const std::string& name() const { return name_; }

  // Error when the deadline has passed or the caller wants to stop.
  void check_deadline() const { check(deadline_, name_); }

  // Everything but `frames`, from the headers (and the probe).
  VideoInfo info() const;

 private:
  void open(Probe probe);
  void find_video();
  bool demux(AVPacket* packet);
  static int read_input(void* self, std::uint8_t* to, int size);

  std::string source_;  // a URL, a path, or "-": standard input
  std::string name_;
  const Deadline& deadline_;
  std::unique_ptr<LiveInput> input_;  // of a pipe; before format_, which reads from it
  Handle<AVIOContext> io_;
  Handle<AVFormatContext> format_;
  AVStream* stream_ = nullptr;
  std::string damage_;
  bool started_ = false;                   // a packet was read
  Handle<AVPacket> ahead_ = new_packet();  // was read to see whether the end follows; empty otherwise
};

}  // namespace trecvit::video
