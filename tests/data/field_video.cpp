#include "field_video.h"

#include <cstdint>

#include "nal_writer.h"
#include "video_support.h"

namespace trecvit::video_test {
namespace {

const std::string kStart("\0\0\0\1", 4);

constexpr int kAcross = kWidth / 16, kFieldDown = 2;  // macroblocks: 64 x 64, the last 16 lines are cropped

std::string parameter_sets() {
  NalWriter sps;
  sps.u(8, 77), sps.u(8, 0), sps.u(8, 30);  // Main profile, level 3
  sps.ue(0);
  sps.ue(0);                 // frame_num has 4 bits
  sps.ue(0), sps.ue(4);      // picture order count of type 0 with 8 bits
  sps.ue(1);                 // one reference frame
  sps.u(1, 0);               // no gaps
  sps.ue(kAcross - 1);       // width
  sps.ue(kFieldDown - 1);    // height of a field
  sps.u(1, 0), sps.u(1, 0);  // not frames only; no adaptive blocks
  sps.u(1, 1);               // direct_8x8_inference
  sps.u(1, 1);               // cropped, in units of two columns and four lines
  sps.ue(0), sps.ue(0), sps.ue(0), sps.ue((64 - kHeight) / 4);
  sps.u(1, 0);  // no VUI
  NalWriter pps;
  pps.ue(0), pps.ue(0);
  pps.u(1, 0), pps.u(1, 0);  // CAVLC; no picture order in slices for both fields
  pps.ue(0);                 // one slice group
  pps.ue(0), pps.ue(0);      // one reference
  pps.u(1, 0), pps.u(2, 0);  // no weights
  pps.ue(0), pps.ue(0), pps.ue(0);
  pps.u(1, 1);  // slices say whether they are deblocked
  pps.u(1, 0), pps.u(1, 0);
  return kStart + sps.finish(0x67) + kStart + pps.finish(0x68);
}

std::string field(int frame, bool bottom) {
  const bool idr = frame == 0 && !bottom;
  NalWriter bits;
  bits.ue(0), bits.ue(7), bits.ue(0);  // first block, I, parameter set
  bits.u(4, static_cast<std::uint32_t>(frame % 16));
  bits.u(1, 1), bits.u(1, bottom);
  if (idr) bits.ue(0);
  bits.u(8, static_cast<std::uint32_t>((2 * frame + bottom) % 256));
  bits.u(1, 0);           // reference marking: the usual way
  if (idr) bits.u(1, 0);  // not for long
  bits.ue(0);             // quantiser
  bits.ue(1);             // not deblocked
  for (int block = 0; block < kAcross * kFieldDown; ++block) {
    bits.ue(25);  // uncompressed
    bits.align();
    for (int i = 0; i < 256; ++i) {
      const int bar = (block % kAcross * 16 + i % 16) * 8 / kWidth;
      bits.u(8, frame >> bar & 1 ? 220 : 30);
    }
    for (int i = 0; i < 128; ++i) bits.u(8, 128);
  }
  return kStart + bits.finish(idr ? 0x65 : 0x61);
}

}  // namespace

std::vector<std::string> field_video(const FieldVideoSpec& spec) {
  std::vector<std::string> units;
  for (int i = 0; i < 2 * spec.frames; ++i) {
    if (i == spec.lost_field) continue;
    const std::string unit = field(i / 2, i % 2 != 0);
    if (i % 2 != 0 && spec.one_packet) {
      units.back() += unit;
    } else {
      units.push_back(i == 0 ? parameter_sets() + unit : unit);
    }
  }
  return units;
}

}  // namespace trecvit::video_test
