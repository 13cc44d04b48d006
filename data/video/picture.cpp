#include "data/video/picture.h"

extern "C" {
#include <libavutil/pixdesc.h>
}

#include <string_view>

#include "core/error.h"

namespace trecvit::video {
namespace {

struct LumaWeights {
  double red, blue;
};

// ITU-T H.273 table 4, as swscale's sws_getCoefficients() reads it.
LumaWeights luma_weights(AVColorSpace space) {
  switch (space) {
    case AVCOL_SPC_BT709:
      return {0.2126, 0.0722};
    case AVCOL_SPC_FCC:
      return {0.30, 0.11};
    case AVCOL_SPC_SMPTE240M:
      return {0.212, 0.087};
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL:
      return {0.2627, 0.0593};
    default:
      return {0.299, 0.114};  // BT.601, and everything untagged
  }
}

bool jpeg_format(const AVPixFmtDescriptor& format) {
  return std::string_view(format.name).substr(0, 4) == "yuvj" ||
         (format.nb_components <= 2 && !(format.flags & AV_PIX_FMT_FLAG_RGB));
}

bool direct(const AVPixFmtDescriptor& format) {
  constexpr std::uint64_t kUnfit = AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_HWACCEL |
                                   AV_PIX_FMT_FLAG_BAYER | AV_PIX_FMT_FLAG_FLOAT;
  if ((format.flags & kUnfit) || std::string_view(format.name).substr(0, 3) == "xyz") return false;
  const int components = format.nb_components >= 3 ? 3 : 1;
  for (int c = 0; c < components; ++c) {
    const AVComponentDescriptor& part = format.comp[c];
    if (part.depth != format.comp[0].depth || part.depth < 8) return false;
    if (part.depth == 8 && part.shift != 0) return false;
    if (part.depth > 8 && (part.step % 2 != 0 || (format.flags & AV_PIX_FMT_FLAG_BE))) return false;
  }
  return true;
}

// Note [YUV to RGB]: H.273 equations 38 to 43, solved for R, G, B. `y`, `c`: luma and chroma per unit of sample, so
// that luma spans 0..255 and chroma -127.5..127.5 times two.
void set_yuv_matrix(const AVFrame& frame, const AVPixFmtDescriptor& format, Picture& picture) {
  const LumaWeights k = luma_weights(frame.colorspace);
  const int depth = format.comp[0].depth;
  const bool full = frame.color_range == AVCOL_RANGE_JPEG || jpeg_format(format);
  const double unit = 1.0 / (1 << (format.comp[0].shift));    // P010 keeps its ten bits at the top
  const double deep = static_cast<double>(1 << (depth - 8));  // sample values per 8-bit level
  const double y = unit * (full ? 255.0 / ((1 << depth) - 1) : 255.0 / 219.0 / deep);
  const double c = unit * (full ? 255.0 / ((1 << depth) - 1) : 255.0 / 224.0 / deep);
  const double black = (full ? 0.0 : 16.0 * deep) / unit, neutral = 128.0 * deep / unit;
  const double green = 1 - k.red - k.blue;
  const double matrix[3][3] = {{y, 0, c * 2 * (1 - k.red)},
                               {y, -c * 2 * (1 - k.blue) * k.blue / green, -c * 2 * (1 - k.red) * k.red / green},
                               {y, c * 2 * (1 - k.blue), 0}};
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t column = 0; column < 3; ++column) {
      picture.matrix[row][column] =
          picture.components == 1 && column > 0 ? 0.f : static_cast<float>(matrix[row][column]);
    }
    const double chroma = picture.components == 1 ? 0 : (matrix[row][1] + matrix[row][2]) * neutral;
    picture.offset[row] = static_cast<float>(-matrix[row][0] * black - chroma);
  }
}

void set_rgb_matrix(const AVPixFmtDescriptor& format, Picture& picture) {
  const double unit = 255.0 / ((1 << format.comp[0].depth) - 1) / (1 << format.comp[0].shift);
  for (std::size_t c = 0; c < 3; ++c) picture.matrix[c][c] = static_cast<float>(unit);
}

// H.273 table "chroma_sample_loc_type". `spacing`: luma samples per chroma sample.
void set_sites(const AVFrame& frame, const AVPixFmtDescriptor& format, Component& chroma) {
  AVChromaLocation where = frame.chroma_location;
  if (where == AVCHROMA_LOC_UNSPECIFIED) where = jpeg_format(format) ? AVCHROMA_LOC_CENTER : AVCHROMA_LOC_LEFT;
  const bool left = where == AVCHROMA_LOC_LEFT || where == AVCHROMA_LOC_TOPLEFT || where == AVCHROMA_LOC_BOTTOMLEFT;
  const bool top = where == AVCHROMA_LOC_TOPLEFT || where == AVCHROMA_LOC_TOP;
  const bool bottom = where == AVCHROMA_LOC_BOTTOMLEFT || where == AVCHROMA_LOC_BOTTOM;
  chroma.site_x = left ? 0.5 : chroma.spacing_x / 2;
  chroma.site_y = top ? 0.5 : bottom ? chroma.spacing_y - 0.5 : chroma.spacing_y / 2;
}

// Formats that are neither planar nor packed samples of whole bytes.
const AVFrame& through_swscale(const AVFrame& frame, const AVPixFmtDescriptor& format) {
  thread_local SwsContext* scaler = nullptr;
  thread_local struct Keeper {
    Handle<AVFrame> frame;
    ~Keeper() { sws_freeContext(scaler); }
  } keeper;
  scaler = sws_getCachedContext(
      scaler, frame.width, frame.height, static_cast<AVPixelFormat>(frame.format), frame.width, frame.height,
      AV_PIX_FMT_GBRP, SWS_BILINEAR | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_BITEXACT, nullptr, nullptr, nullptr);
  if (!scaler) throw Error("pictures of the pixel format ", format.name, " cannot be converted to RGB");
  const int* matrix = sws_getCoefficients(frame.colorspace);
  sws_setColorspaceDetails(scaler, matrix, frame.color_range == AVCOL_RANGE_JPEG, sws_getCoefficients(SWS_CS_DEFAULT),
                           1, 0, 1 << 16, 1 << 16);
  Handle<AVFrame>& rgb = keeper.frame;
  if (!rgb || rgb->width != frame.width || rgb->height != frame.height) {
    rgb = new_frame();
    rgb->width = frame.width;
    rgb->height = frame.height;
    rgb->format = AV_PIX_FMT_GBRP;
    if (av_frame_get_buffer(rgb.get(), 0) < 0) throw std::bad_alloc();
  }
  sws_scale(scaler, frame.data, frame.linesize, 0, frame.height, rgb->data, rgb->linesize);
  return *rgb;
}

}  // namespace

Picture describe(const AVFrame& frame) {
  const AVPixFmtDescriptor* format = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame.format));
  ensure(format != nullptr, "a frame without a pixel format");
  if (!direct(*format)) return describe(through_swscale(frame, *format));
  Picture picture;
  const bool rgb = format->flags & AV_PIX_FMT_FLAG_RGB;
  picture.components = format->nb_components >= 3 ? 3 : 1;
  for (int c = 0; c < picture.components; ++c) {
    const AVComponentDescriptor& part = format->comp[c];
    Component& component = picture.component[static_cast<std::size_t>(c)];
    component.data = frame.data[part.plane] + part.offset;
    component.stride = frame.linesize[part.plane];
    component.step = part.step;
    component.wide = part.depth > 8;
    const bool chroma = c > 0 && !rgb;
    const int shift_x = chroma ? format->log2_chroma_w : 0, shift_y = chroma ? format->log2_chroma_h : 0;
    component.width = AV_CEIL_RSHIFT(frame.width, shift_x);
    component.height = AV_CEIL_RSHIFT(frame.height, shift_y);
    component.spacing_x = 1 << shift_x;
    component.spacing_y = 1 << shift_y;
    if (chroma) set_sites(frame, *format, component);
  }
  if (rgb) {
    set_rgb_matrix(*format, picture);
  } else {
    set_yuv_matrix(frame, *format, picture);
  }
  return picture;
}

}  // namespace trecvit::video
