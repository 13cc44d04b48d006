// Properties of one compressed packet, read from its first bytes without decoding. Internal to data/video.
#pragma once

#include <cstdint>

#include "data/video/h264_pictures.h"
#include "data/video/libav.h"

namespace trecvit::video {

struct PacketTraits {
  static constexpr int kUnknown = -1;
  int shown = 1;           // pictures it puts on the screen; 0 for an invisible reference (VP8/VP9 alternate reference)
  bool start = false;      // decoding may begin here: pictures presented from here on come out bit-exact
  bool droppable = false;  // no other picture refers to it and no decoder state depends on it
  bool headers = false;    // carries parameter sets
};

class PacketReader {
 public:
  explicit PacketReader(const AVCodecParameters& parameters);

  // Asked once for every packet, in the order of decoding.
  PacketTraits read(const AVPacket& packet);

  // Whether all that the packets so far began is complete: no frame waits for its second field.
  bool complete() const { return !h264_.open(); }

  // Whether read() understands the codec well enough to count frames by packets. Otherwise only decoding tells.
  bool reliable() const { return reliable_; }

 private:
  PacketTraits read_h264(const AVPacket& packet);
  PacketTraits read_hevc(const AVPacket& packet);

  AVCodecID codec_;
  bool reliable_ = false;
  bool intra_only_ = false;
  H264Pictures h264_;
  bool hevc_ended_ = true;   // the next CRA picture has no reference before it
  bool hevc_skips_ = false;  // pictures that refer to what was before the last start are not shown
  int length_bytes_ = 0;     // H.264, HEVC: size of the length before each NAL unit; 0 for start codes (Annex B)
};

}  // namespace trecvit::video
