#include "data/video/raw_frame.h"

#include "core/error.h"
#include "data/video/libav.h"

namespace trecvit::video {

std::int64_t raw_frame_bytes(RawFormat format, int width, int height) {
  const std::int64_t w = width, h = height;
  return format == RawFormat::kRgb24 ? 3 * w * h : w * h + 2 * ((w + 1) / 2) * ((h + 1) / 2);
}

RawFrame::RawFrame(std::span<const std::uint8_t> bytes, RawFormat format, int width, int height, std::int64_t number,
                   double pts_s)
    : format_(format), picture_(new_frame().release(), LibavFree{}) {
  if (width < 1 || height < 1) throw UsageError("a raw picture needs a positive size, not ", width, " x ", height);
  picture_->width = width;
  picture_->height = height;
  picture_->format = format == RawFormat::kRgb24 ? AV_PIX_FMT_RGB24 : AV_PIX_FMT_YUV420P;
  frame_ = {.picture = picture_.get(), .width = width, .height = height};
  reset(bytes, number, pts_s);
}

void RawFrame::reset(std::span<const std::uint8_t> bytes, std::int64_t number, double pts_s) {
  AVFrame& picture = *picture_;
  const std::int64_t wanted = raw_frame_bytes(format_, picture.width, picture.height);
  ensure(static_cast<std::int64_t>(bytes.size()) == wanted, "a raw picture of ", bytes.size(), " bytes instead of ",
         wanted);
  // libav's pointers are not const; nothing here writes through them.
  auto* data = const_cast<std::uint8_t*>(bytes.data());
  if (format_ == RawFormat::kRgb24) {
    picture.data[0] = data;
    picture.linesize[0] = picture.width * 3;
  } else {
    const std::ptrdiff_t luma = static_cast<std::ptrdiff_t>(picture.width) * picture.height;
    const std::ptrdiff_t chroma_width = (picture.width + 1) / 2, chroma_height = (picture.height + 1) / 2;
    picture.data[0] = data;
    picture.data[1] = data + luma;
    picture.data[2] = data + luma + chroma_width * chroma_height;
    picture.linesize[0] = picture.width;
    picture.linesize[1] = picture.linesize[2] = static_cast<int>(chroma_width);
  }
  frame_.number = number;
  frame_.pts_s = pts_s;
}

}  // namespace trecvit::video
