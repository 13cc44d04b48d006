#include "data/video/codec.h"

#include <algorithm>
#include <new>

#include "core/error.h"

namespace trecvit::video {
namespace {

// Larger pictures are taken for damage: no camera makes them, and a broken header must not claim gigabytes.
constexpr std::int64_t kMostPixels = 8192LL * 8192;

bool damaged(const AVFrame& frame) {
  return frame.decode_error_flags != 0 || (frame.flags & AV_FRAME_FLAG_CORRUPT) != 0;
}

}  // namespace

Codec::Codec(const AVStream& stream, int reorder, const std::string& source) : frame_(new_frame()) {
  const AVCodecParameters& par = *stream.codecpar;
  const AVCodec* decoder = avcodec_find_decoder(par.codec_id);
  if (!decoder)
    throw Error("video ", source, " needs a decoder for ", avcodec_get_name(par.codec_id), ", which is missing");
  context_.reset(avcodec_alloc_context3(decoder));
  if (!context_) throw std::bad_alloc();
  int code = avcodec_parameters_to_context(context_.get(), &par);
  if (code >= 0) {
    context_->pkt_timebase = stream.time_base;
    context_->thread_count = 1;  // parallel over clips, never within one: results and memory stay predictable
    context_->max_pixels = kMostPixels;
    context_->has_b_frames = std::max(context_->has_b_frames, reorder);
    // H.264 streams need not say how many (E.2.1, max_num_reorder_frames). A strict decoder then takes what their level
    // allows.
    if (reorder == kAllThatMayBe && par.codec_id == AV_CODEC_ID_H264)
      context_->strict_std_compliance = FF_COMPLIANCE_STRICT;
    code = avcodec_open2(context_.get(), decoder, nullptr);
  }
  if (code < 0)
    throw Error("video ", source, " has damaged ", avcodec_get_name(par.codec_id), " headers (", libav_text(code), ")");
}

const AVFrame* Codec::next(const Feed& feed) {
  // A decoder that is being emptied may report each damaged picture it still holds, but no more than that.
  int faults_left = 64;
  for (;;) {
    const int code = avcodec_receive_frame(context_.get(), frame_.get());
    if (code >= 0) {
      ++frames_;
      if (damaged(*frame_) && !excused(frame_->pts)) ++faults_;
      return frame_.get();
    }
    if (code == AVERROR_EOF) return nullptr;
    if (code != AVERROR(EAGAIN)) {
      if (!excused(sent_pts_)) ++faults_;
      if (draining_ && --faults_left == 0) return nullptr;
      if (draining_) continue;
    } else if (draining_) {
      return nullptr;
    }
    AVPacket* packet = feed();
    if (packet) ++packets_;
    sent_pts_ = packet ? packet->pts : AV_NOPTS_VALUE;
    draining_ = packet == nullptr;
    const bool corrupt = packet && (packet->flags & AV_PKT_FLAG_CORRUPT);  // FFmpeg may conceal it without a word
    const int sent = avcodec_send_packet(context_.get(), packet);
    if ((corrupt || (sent < 0 && sent != AVERROR_EOF)) && !excused(sent_pts_)) ++faults_;
  }
}

void Codec::flush() {
  avcodec_flush_buffers(context_.get());
  draining_ = false;
  faults_ = 0;
  excused_below_ = INT64_MIN;
}

}  // namespace trecvit::video
