#include "data/video/bitstream.h"

#include <algorithm>
#include <span>

namespace trecvit::video {
namespace {

using Bytes = std::span<const std::uint8_t>;

// Calls f(nal) for every NAL unit, without its length or start code.
template <class F>
void for_each_nal(Bytes data, int length_bytes, F&& f) {
  if (length_bytes > 0) {
    const auto prefix = static_cast<std::size_t>(length_bytes);
    while (data.size() > prefix) {
      std::size_t length = 0;
      for (std::size_t i = 0; i < prefix; ++i) length = length << 8 | data[i];
      data = data.subspan(prefix);
      length = std::min(length, data.size());
      if (length > 0) f(data.first(length));
      data = data.subspan(length);
    }
    return;
  }
  const std::uint8_t code[] = {0, 0, 1};
  auto at = std::search(data.begin(), data.end(), std::begin(code), std::end(code));
  while (at != data.end()) {
    const auto begin = at + 3;
    at = std::search(begin, data.end(), std::begin(code), std::end(code));
    if (begin != at) f(Bytes(begin, at));
  }
}

// ISO/IEC 14496-15, 5.3.3.1: the parameter sets of an avcC box, each behind its length of two bytes.
template <class F>
void for_each_avcc_set(Bytes data, F&& f) {
  std::size_t at = 5;
  for (const unsigned mask : {0x1Fu, 0xFFu}) {  // sequence, then picture parameter sets
    if (at >= data.size()) return;
    for (unsigned left = data[at++] & mask; left > 0 && at + 2 <= data.size(); --left) {
      const std::size_t length = static_cast<std::size_t>(data[at]) << 8 | data[at + 1];
      at += 2;
      if (length > data.size() - at) return;
      f(data.subspan(at, length));
      at += length;
    }
  }
}

// H.264 D.1.8: recovery_frame_cnt ue(v) = 0 and exact_match_flag = 1 are the bits "11".
bool exact_recovery_point(Bytes sei) {
  std::size_t at = 1;
  while (at + 2 < sei.size()) {
    unsigned type = 0, size = 0;
    while (at < sei.size() && sei[at] == 255) type += sei[at++];
    if (at < sei.size()) type += sei[at++];
    while (at < sei.size() && sei[at] == 255) size += sei[at++];
    if (at < sei.size()) size += sei[at++];
    if (type == 6) return at < sei.size() && (sei[at] & 0xC0) == 0xC0;
    at += size;
  }
  return false;
}

// VP9 bitstream specification 6.2, uncompressed_header(); true in `key` for a key frame.
bool vp9_shown(Bytes frame, bool* key) {
  if (frame.empty()) return false;
  unsigned bits = static_cast<unsigned>(frame[0]) << 8 | (frame.size() > 1 ? frame[1] : 0u);
  const auto take = [&bits] {
    const unsigned bit = bits >> 15 & 1;
    bits <<= 1;
    return bit;
  };
  take(), take();  // frame_marker
  unsigned profile = take();
  profile |= take() << 1;
  if (profile == 3) take();
  if (take()) return true;  // show_existing_frame
  *key = take() == 0;
  return take() != 0;
}

// VP9 specification, annex B: several frames in one packet, their sizes in an index at the end.
PacketTraits read_vp9(Bytes data) {
  PacketTraits traits;
  traits.shown = 0;
  bool first = true;
  const auto frame = [&](Bytes bytes) {
    bool key = false;
    if (vp9_shown(bytes, &key)) ++traits.shown;
    if (first) traits.start = key;
    first = false;
  };
  const std::uint8_t marker = data.back();
  if ((marker & 0xE0) == 0xC0) {
    const std::size_t frames = (marker & 7u) + 1, width = (marker >> 3 & 3u) + 1, size = 2 + frames * width;
    if (data.size() >= size && data[data.size() - size] == marker) {
      const Bytes index = data.subspan(data.size() - size + 1);
      Bytes rest = data.first(data.size() - size);
      for (std::size_t i = 0; i < frames; ++i) {
        std::size_t length = 0;
        for (std::size_t b = 0; b < width; ++b) length |= static_cast<std::size_t>(index[i * width + b]) << (8 * b);
        length = std::min(length, rest.size());
        if (length > 0) frame(rest.first(length));
        rest = rest.subspan(length);
      }
      return traits;
    }
  }
  frame(data);
  return traits;
}

// MPEG-4 part 2: "packed bitstream" AVI files hold two pictures in one packet and place holders in others; such files
// are counted by decoding.
PacketTraits read_mpeg4(const AVPacket& packet) {
  PacketTraits traits;
  const Bytes data(packet.data, static_cast<std::size_t>(packet.size));
  int pictures = 0;
  for_each_nal(data, 0, [&](Bytes unit) { pictures += unit[0] == 0xB6; });
  traits.shown = pictures == 1 && packet.size >= 16 ? 1 : PacketTraits::kUnknown;
  traits.start = packet.flags & AV_PKT_FLAG_KEY;
  return traits;
}

}  // namespace

PacketReader::PacketReader(const AVCodecParameters& parameters) : codec_(parameters.codec_id) {
  const AVCodecDescriptor* descriptor = avcodec_descriptor_get(codec_);
  intra_only_ = descriptor && (descriptor->props & AV_CODEC_PROP_INTRA_ONLY);
  const std::uint8_t* extra = parameters.extradata;
  const int size = parameters.extradata_size;
  if (codec_ == AV_CODEC_ID_H264 && size >= 7 && extra[0] == 1) length_bytes_ = (extra[4] & 3) + 1;
  if (codec_ == AV_CODEC_ID_HEVC && size >= 23 && extra[0] == 1) length_bytes_ = (extra[21] & 3) + 1;
  if (codec_ == AV_CODEC_ID_H264 && size > 0) {
    const auto keep = [this](Bytes nal) { h264_.parameter_set(nal); };
    const Bytes bytes(extra, static_cast<std::size_t>(size));
    if (length_bytes_ > 0) {
      for_each_avcc_set(bytes, keep);
    } else {
      for_each_nal(bytes, 0, keep);
    }
  }
  switch (codec_) {
    case AV_CODEC_ID_H264:
    case AV_CODEC_ID_HEVC:
    case AV_CODEC_ID_VP8:
    case AV_CODEC_ID_VP9:
    case AV_CODEC_ID_MPEG4:
      reliable_ = true;
      break;
    default:
      reliable_ = intra_only_;
  }
}

PacketTraits PacketReader::read(const AVPacket& packet) {
  const Bytes data(packet.data, static_cast<std::size_t>(packet.size));
  if (data.empty()) return {.shown = 0};
  switch (codec_) {
    case AV_CODEC_ID_H264:
      return read_h264(packet);
    case AV_CODEC_ID_HEVC:
      return read_hevc(packet);
    case AV_CODEC_ID_VP8:
      return {.shown = data[0] >> 4 & 1, .start = (data[0] & 1) == 0};  // RFC 6386, 9.1
    case AV_CODEC_ID_VP9:
      return read_vp9(data);
    case AV_CODEC_ID_MPEG4:
      return read_mpeg4(packet);
    default:
      return {.shown = 1, .start = intra_only_, .droppable = intra_only_};
  }
}

PacketTraits PacketReader::read_h264(const AVPacket& packet) {
  using Slice = H264Pictures::Slice;
  PacketTraits traits;
  bool slices = false, referenced = false, recovery = false;
  bool begins = false, completes = false, stray = false, field = false;
  for_each_nal(Bytes(packet.data, static_cast<std::size_t>(packet.size)), length_bytes_, [&](Bytes nal) {
    const int type = nal[0] & 0x1F;
    if (type == 1 || type == 2 || type == 5) {  // with a header of its own
      const Slice slice = h264_.slice(nal);
      begins |= slice != Slice::kSecondField;
      completes |= slice == Slice::kSecondField;
      stray |= slice == Slice::kStray;
      field |= slice != Slice::kFrame;
    }
    if (type >= 1 && type <= 5) {
      slices = true;
      referenced |= (nal[0] & 0x60) != 0;
      traits.start |= type == 5;  // IDR
    }
    if (type == 6) recovery |= exact_recovery_point(nal);
    if (type == 7 || type == 8) {
      traits.headers = true;
      h264_.parameter_set(nal);
    }
  });
  traits.shown = stray ? PacketTraits::kUnknown : slices && (begins || !completes) ? 1 : 0;
  traits.start |= recovery && slices && (packet.flags & AV_PKT_FLAG_KEY);
  traits.start &= begins;
  // Neither frame_num nor the picture order count of later pictures depends on pictures with nal_ref_idc = 0
  // (7.4.3, 8.2.1). Half a frame cannot be dropped alone.
  traits.droppable = slices && !referenced && (!field || (begins && completes));
  return traits;
}

PacketTraits PacketReader::read_hevc(const AVPacket& packet) {
  PacketTraits traits;
  bool slices = false, skipped = false;
  for_each_nal(Bytes(packet.data, static_cast<std::size_t>(packet.size)), length_bytes_, [&](Bytes nal) {
    const int type = nal[0] >> 1 & 0x3F;
    if (type == 36 || type == 37) hevc_ended_ = true;  // end of sequence, of bitstream
    if (type >= 32 && type <= 34) traits.headers = true;
    if (type > 31) return;
    if (type >= 16 && type <= 21) {  // BLA, IDR, CRA
      traits.start = true;
      hevc_skips_ = type != 21 || hevc_ended_;  // H.265, 8.1.3: NoRaslOutputFlag
      hevc_ended_ = false;
    }
    slices = true;
    skipped |= (type == 8 || type == 9) && hevc_skips_;  // RASL
  });
  traits.shown = slices && !skipped ? 1 : 0;
  return traits;
}

}  // namespace trecvit::video
