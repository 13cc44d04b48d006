// Ownership and error text for FFmpeg's C objects. Internal to data/video: no other folder includes this file.
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/frame.h>
#include <libswscale/swscale.h>
}

#include <memory>
#include <string>

#include "data/video/deadline.h"

namespace trecvit::video {

struct LibavFree {
  void operator()(AVFormatContext* context) const { avformat_close_input(&context); }
  void operator()(AVCodecContext* context) const { avcodec_free_context(&context); }
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
  void operator()(AVIOContext* io) const {
    av_freep(&io->buffer);
    avio_context_free(&io);
  }
  void operator()(SwsContext* context) const { sws_freeContext(context); }
};
template <class T>
using Handle = std::unique_ptr<T, LibavFree>;

// Never null; std::bad_alloc instead.
Handle<AVFrame> new_frame();
Handle<AVPacket> new_packet();

// FFmpeg's words for an error code, without a full stop.
std::string libav_text(int code);

// FFmpeg prints nothing from now on: what went wrong is said once, by our Error. Call before any other use.
void silence_libav();

}  // namespace trecvit::video
