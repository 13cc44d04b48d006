#include "data/video/libav.h"

#include <new>

namespace trecvit::video {

Handle<AVFrame> new_frame() {
  Handle<AVFrame> frame(av_frame_alloc());
  if (!frame) throw std::bad_alloc();
  return frame;
}

Handle<AVPacket> new_packet() {
  Handle<AVPacket> packet(av_packet_alloc());
  if (!packet) throw std::bad_alloc();
  return packet;
}

std::string libav_text(int code) {
  char buffer[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(code, buffer, sizeof buffer);
  return buffer;
}

void silence_libav() {
  static const bool done = [] {
    av_log_set_level(AV_LOG_QUIET);
    return true;
  }();
  (void)done;
}

}  // namespace trecvit::video
