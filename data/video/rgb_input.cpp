#include "data/video/rgb_input.h"

extern "C" {
#include <libavutil/imgutils.h>
}

#include <cstring>
#include <new>

#include "core/error.h"

namespace trecvit::video {
namespace {

Handle<AVFrame> make_picture(int width, int height, AVPixelFormat format) {
  Handle<AVFrame> frame = new_frame();
  frame->width = width;
  frame->height = height;
  frame->format = format;
  if (av_frame_get_buffer(frame.get(), 0) < 0) throw std::bad_alloc();
  return frame;
}

}  // namespace

RgbInput::RgbInput(int width, int height, int frame_width, int frame_height, AVPixelFormat format)
    : width_(width), height_(height) {
  scaler_.reset(sws_getContext(frame_width, frame_height, AV_PIX_FMT_RGB24, frame_width, frame_height, format,
                               SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_BITEXACT, nullptr, nullptr,
                               nullptr));
  if (!scaler_) throw Error("pictures of ", width, " x ", height, " pixels cannot be converted for encoding");
  rgb_ = make_picture(frame_width, frame_height, AV_PIX_FMT_RGB24);
  frame_ = make_picture(frame_width, frame_height, format);
}

AVFrame& RgbInput::convert(std::span<const std::uint8_t> rgb) {
  ensure(rgb.size() == static_cast<std::size_t>(width_) * static_cast<std::size_t>(height_) * 3, "a picture of ",
         width_, " x ", height_, " pixels came with ", rgb.size(), " bytes");
  // The encoder may still hold the picture before.
  if (av_frame_make_writable(frame_.get()) < 0) throw std::bad_alloc();
  const int stride = rgb_->linesize[0];
  std::uint8_t* const top = rgb_->data[0];
  av_image_copy_plane(top, stride, rgb.data(), width_ * 3, width_ * 3, height_);
  if (frame_->width > width_) {
    for (int y = 0; y < height_; ++y)
      std::memcpy(top + y * stride + width_ * 3, top + y * stride + (width_ - 1) * 3, 3);
  }
  if (frame_->height > height_) {
    std::memcpy(top + height_ * stride, top + (height_ - 1) * stride, static_cast<std::size_t>(frame_->width) * 3);
  }
  sws_scale(scaler_.get(), rgb_->data, rgb_->linesize, 0, frame_->height, frame_->data, frame_->linesize);
  return *frame_;
}

}  // namespace trecvit::video
