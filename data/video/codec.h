// A software decoder on one thread: packets in, pictures out. Internal to data/video.
#pragma once

#include <functional>
#include <string>

#include "data/video/container.h"
#include "data/video/libav.h"

namespace trecvit::video {

class Codec {
 public:
  // The next packet to decode, or nullptr at the end; the packet need only live until the next call.
  using Feed = std::function<AVPacket*()>;

  // For `reorder`. The codec finds out on the way, and may leave out frames that come too late: for live sources. Or it
  // waits for as many frames as the stream's headers allow to come late.
  static constexpr int kGuess = 0, kAllThatMayBe = -1;

  // `reorder`: most frames that are decoded before, but shown after, another, when known. Error: no decoder for this
  // codec, or its headers are damaged.
  Codec(const AVStream& stream, int reorder, const std::string& source);

  // The next picture in presentation order, taking packets from `feed` as needed; nullptr at the end.
  const AVFrame* next(const Feed& feed);

  // Forgets everything decoded so far; the next packet must be a start point.
  void flush();

  // Packets or pictures found damaged since the last flush or forgive(). Pictures numbered below `number` (by pts) do
  // not count: at a start point in an open group they lack their references, and nobody asked for them.
  int faults() const { return faults_; }
  void forgive() { faults_ = 0; }
  void excuse_below(std::int64_t number) { excused_below_ = number; }

  std::int64_t packets() const { return packets_; }
  std::int64_t frames() const { return frames_; }

 private:
  bool excused(std::int64_t pts) const { return pts != AV_NOPTS_VALUE && pts < excused_below_; }

  Handle<AVCodecContext> context_;
  Handle<AVFrame> frame_;
  bool draining_ = false;
  int faults_ = 0;
  std::int64_t excused_below_ = INT64_MIN;
  std::int64_t sent_pts_ = AV_NOPTS_VALUE;
  std::int64_t packets_ = 0, frames_ = 0;  // given and got, in all
};

}  // namespace trecvit::video
