#include "data/video/h264_pictures.h"

#include <utility>

#include "data/video/nal_bits.h"

namespace trecvit::video {
namespace {

// 7.3.2.1.1.1
void skip_scaling_list(NalBits& bits, int size) {
  std::int64_t last = 8, next = 8;
  for (int i = 0; i < size && !bits.ended(); ++i) {
    if (next != 0) next = (last + bits.se() + 256) % 256;
    if (next != 0) last = next;
  }
}

bool has_chroma_format(std::uint32_t profile) {
  switch (profile) {
    case 100:
    case 110:
    case 122:
    case 244:
    case 44:
    case 83:
    case 86:
    case 118:
    case 128:
    case 138:
    case 139:
    case 134:
    case 135:
      return true;
    default:
      return false;
  }
}

}  // namespace

void H264Pictures::parameter_set(std::span<const std::uint8_t> nal) {
  if (nal.empty()) return;
  const int type = nal[0] & 0x1F;
  if (type == 8) {
    NalBits bits(nal, 16);
    const std::uint32_t id = bits.ue(), sequence = bits.ue();
    if (id < sequence_of_.size() && sequence < sequences_.size() && !bits.ended())
      sequence_of_[id] = static_cast<std::uint8_t>(sequence);
    return;
  }
  if (type != 7) return;
  NalBits bits(nal, 4096);  // 7.3.2.1.1
  const std::uint32_t profile = bits.u(8);
  bits.u(16);  // constraint flags, level
  const std::uint32_t id = bits.ue();
  Sequence sequence;
  if (has_chroma_format(profile)) {
    const std::uint32_t chroma_format = bits.ue();
    if (chroma_format == 3) sequence.separate_planes = bits.u(1);
    bits.ue(), bits.ue();  // bit depths
    bits.u(1);             // transform bypass
    const int lists = bits.u(1) ? (chroma_format == 3 ? 12 : 8) : 0;
    for (int i = 0; i < lists; ++i) {
      if (bits.u(1)) skip_scaling_list(bits, i < 6 ? 16 : 64);
    }
  }
  sequence.frame_num_bits = static_cast<int>(bits.ue() & 0xFF) + 4;
  const std::uint32_t order = bits.ue();
  if (order == 0) bits.ue();
  if (order == 1) {
    bits.u(1);
    bits.se(), bits.se();
    const std::uint32_t cycle = bits.ue();
    for (std::uint32_t i = 0; i < cycle && !bits.ended(); ++i) bits.se();
  }
  bits.ue();             // reference frames
  bits.u(1);             // gaps in frame_num
  bits.ue(), bits.ue();  // size
  sequence.frames_only = bits.u(1);
  if (id < sequences_.size() && sequence.frame_num_bits <= 16 && !bits.ended()) sequences_[id] = sequence;
}

H264Pictures::Slice H264Pictures::slice(std::span<const std::uint8_t> nal) {
  NalBits bits(nal, 32);  // 7.3.3
  const std::uint32_t first_block = bits.ue();
  bits.ue();  // slice type
  const std::uint32_t id = bits.ue();
  const Sequence* sequence = nullptr;
  if (id < sequence_of_.size() && sequence_of_[id] && sequences_[*sequence_of_[id]])
    sequence = &*sequences_[*sequence_of_[id]];
  if (!sequence || sequence->frames_only) return Slice::kFrame;
  if (sequence->separate_planes) bits.u(2);
  const std::uint32_t frame_num = bits.u(sequence->frame_num_bits);
  const bool field = bits.u(1), bottom = field && bits.u(1);
  if (bits.ended()) return Slice::kFrame;
  if (!field) {
    last_ = Slice::kFrame;
    return std::exchange(open_, false) ? Slice::kStray : Slice::kFrame;
  }
  // Another slice of the same field.
  if (last_ != Slice::kFrame && first_block > 0 && bottom == bottom_ && frame_num == frame_num_) return last_;
  const bool completes = open_ && bottom != bottom_ && frame_num == frame_num_;  // 7.4.1.2.4
  last_ = completes ? Slice::kSecondField : open_ ? Slice::kStray : Slice::kFirstField;
  open_ = !completes;
  bottom_ = bottom;
  frame_num_ = frame_num;
  return last_;
}

}  // namespace trecvit::video
