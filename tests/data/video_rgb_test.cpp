// convert() against arithmetic in double precision, and against FFmpeg's own conversion.
#include "data/video/rgb.h"

extern "C" {
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
}

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "core/error.h"
#include "core/rng.h"
#include "data/video/libav.h"
#include "data/video/raw_frame.h"
#include "data/video/resample.h"
#include "data/video/triangle.h"
#include "kernels/planes_to_rgb/reference.h"

namespace trecvit::video {
namespace {

using Pixels = std::vector<std::uint8_t>;

struct Source {
  AVPixelFormat format = AV_PIX_FMT_YUV420P;
  AVColorSpace space = AVCOL_SPC_UNSPECIFIED;
  AVColorRange range = AVCOL_RANGE_UNSPECIFIED;
  AVChromaLocation site = AVCHROMA_LOC_UNSPECIFIED;
  int width = 70, height = 46;
  bool smooth = false;
};

// Sample c of pixel (x, y), from the layout FFmpeg describes.
int sample_at(const AVFrame& frame, int c, int x, int y) {
  const AVComponentDescriptor& part = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame.format))->comp[c];
  const std::uint8_t* at = frame.data[part.plane] + y * frame.linesize[part.plane] + x * part.step + part.offset;
  const int raw = part.depth > 8 ? at[0] | at[1] << 8 : at[0];
  return raw >> part.shift;
}

Handle<AVFrame> make_frame(const Source& source, std::uint64_t seed) {
  Handle<AVFrame> frame = new_frame();
  frame->format = source.format;
  frame->width = source.width;
  frame->height = source.height;
  frame->colorspace = source.space;
  frame->color_range = source.range;
  frame->chroma_location = source.site;
  ensure(av_frame_get_buffer(frame.get(), 0) >= 0, "no buffer");
  const AVPixFmtDescriptor& format = *av_pix_fmt_desc_get(source.format);
  Rng rng(seed);
  for (int c = 0; c < format.nb_components; ++c) {
    const AVComponentDescriptor& part = format.comp[c];
    const bool chroma = (c == 1 || c == 2) && !(format.flags & AV_PIX_FMT_FLAG_RGB);
    const int width = AV_CEIL_RSHIFT(source.width, chroma ? format.log2_chroma_w : 0);
    const int height = AV_CEIL_RSHIFT(source.height, chroma ? format.log2_chroma_h : 0);
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        const double wave =
            0.5 + 0.3 * std::sin(0.9 * (x * width % 7 + c) / 7 + 6.0 * x / width) * std::cos(5.0 * y / height);
        const double value = source.smooth ? 0.5 + 0.3 * std::sin(6.0 * x / width + c) * std::cos(5.0 * y / height)
                                           : 0.5 * wave + 0.5 * rng.uniform();
        const int sample = static_cast<int>(value * ((1 << part.depth) - 1)) << part.shift;
        std::uint8_t* at = frame->data[part.plane] + y * frame->linesize[part.plane] + x * part.step + part.offset;
        at[0] = static_cast<std::uint8_t>(sample);
        if (part.depth > 8) at[1] = static_cast<std::uint8_t>(sample >> 8);
      }
    }
  }
  return frame;
}

Frame wrap(const AVFrame& picture, int rotation = 0, bool mirrored = false) {
  const bool turned = rotation % 180 != 0;
  return {.picture = &picture,
          .width = turned ? picture.height : picture.width,
          .height = turned ? picture.width : picture.height,
          .rotation = rotation,
          .mirrored = mirrored};
}

// One component of the displayed picture at output pixel (x, y): the definition, in two nested sums.
double filtered(const Frame& frame, int c, const View& view, int out_width, int out_height, int x, int y) {
  const AVFrame& picture = *frame.picture;
  const AVPixFmtDescriptor& format = *av_pix_fmt_desc_get(static_cast<AVPixelFormat>(picture.format));
  const bool chroma = c > 0 && !(format.flags & AV_PIX_FMT_FLAG_RGB);
  const int sub_x = chroma ? 1 << format.log2_chroma_w : 1, sub_y = chroma ? 1 << format.log2_chroma_h : 1;
  const bool centre = picture.chroma_location == AVCHROMA_LOC_CENTER,
             top_left = picture.chroma_location == AVCHROMA_LOC_TOPLEFT;
  const double site_x = centre ? sub_x / 2.0 : 0.5, site_y = top_left ? 0.5 : sub_y / 2.0;
  if (view.flip) x = out_width - 1 - x;
  // The centre and the extent of one output pixel, in displayed and then in stored pixels.
  const double horizontal = view.x + (x + 0.5) * view.width / out_width;
  const double dx = frame.mirrored ? frame.width - horizontal : horizontal, dy = view.y + (y + 0.5) * view.height / out_height;
  double cx = dx, cy = dy, scale_x = view.width / out_width, scale_y = view.height / out_height;
  if (frame.rotation == 90) cx = dy, cy = picture.height - dx;
  if (frame.rotation == 180) cx = picture.width - dx, cy = picture.height - dy;
  if (frame.rotation == 270) cx = picture.width - dy, cy = dx;
  if (frame.rotation % 180 != 0) std::swap(scale_x, scale_y);
  const double half_x = std::max(1.0, scale_x / sub_x), half_y = std::max(1.0, scale_y / sub_y);
  const int width = (picture.width + sub_x - 1) / sub_x, height = (picture.height + sub_y - 1) / sub_y;
  double sum = 0, weights = 0;
  for (int j = 0; j < height; ++j) {
    const double v = 1 - std::abs((site_y + j * sub_y - cy) / sub_y) / half_y;
    if (v <= 0) continue;
    for (int i = 0; i < width; ++i) {
      const double h = 1 - std::abs((site_x + i * sub_x - cx) / sub_x) / half_x;
      if (h <= 0) continue;
      sum += v * h * sample_at(picture, c, i, j);
      weights += v * h;
    }
  }
  return sum / weights;
}

// ITU-T H.273: E'Y and friends from pixels, then E'R, E'G, E'B, then 0..255.
void reference(const Frame& frame, const View& view, int out_width, int out_height, std::vector<double>& rgb) {
  const AVFrame& picture = *frame.picture;
  const AVPixFmtDescriptor& format = *av_pix_fmt_desc_get(static_cast<AVPixelFormat>(picture.format));
  const double top = (1 << format.comp[0].depth) - 1, level = (1 << format.comp[0].depth) / 256.0;
  double kr = 0.299, kb = 0.114;
  if (picture.colorspace == AVCOL_SPC_BT709) kr = 0.2126, kb = 0.0722;
  if (picture.colorspace == AVCOL_SPC_BT2020_NCL) kr = 0.2627, kb = 0.0593;
  const bool gray = format.nb_components < 3;
  const bool full = picture.color_range == AVCOL_RANGE_JPEG || gray;
  for (int y = 0; y < out_height; ++y) {
    for (int x = 0; x < out_width; ++x) {
      double p[3] = {};
      for (int c = 0; c < (gray ? 1 : 3); ++c) p[c] = filtered(frame, c, view, out_width, out_height, x, y);
      double e[3] = {p[0] / top, p[1] / top, p[2] / top};
      if (!(format.flags & AV_PIX_FMT_FLAG_RGB)) {
        const double ey = full ? p[0] / top : (p[0] / level - 16) / 219;
        const double eb = gray ? 0 : full ? (p[1] - 128 * level) / top : (p[1] / level - 128) / 224;
        const double er = gray ? 0 : full ? (p[2] - 128 * level) / top : (p[2] / level - 128) / 224;
        e[0] = ey + 2 * (1 - kr) * er;
        e[2] = ey + 2 * (1 - kb) * eb;
        e[1] = (ey - kr * e[0] - kb * e[2]) / (1 - kr - kb);
      }
      for (const double value : e) rgb.push_back(std::clamp(value * 255, 0.0, 255.0));
    }
  }
}

double worst_difference(const std::uint8_t* rgb, const std::vector<double>& wanted) {
  double worst = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) worst = std::max(worst, std::abs(rgb[i] - wanted[i]));
  return worst;
}

// extract_planes(), and the kernel's reference on what it kept: [views, height, width, 3].
Pixels convert_later(const Frame& frame, std::span<const View> views, int width, int height,
                     std::size_t most_bytes = std::numeric_limits<std::size_t>::max()) {
  Planes planes;
  planes.pictures.resize(views.size());
  extract_planes(frame, views, width, height, most_bytes, planes.samples, planes.pictures.data());
  Pixels rgb(views.size() * static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  kernels::reference::convert({.pictures = std::ssize(views),
                               .width = width,
                               .height = height,
                               .samples = planes.samples.data(),
                               .picture = planes.pictures.data(),
                               .rgb = rgb.data()});
  return rgb;
}

void expect_reference(const Frame& frame, const View& view, int width, int height) {
  std::vector<double> wanted;
  reference(frame, view, width, height, wanted);
  EXPECT_LE(worst_difference(convert_later(frame, {&view, 1}, width, height).data(), wanted), 0.502) << "put off";
  // Canaries around the output: nothing may be written beyond it.
  Pixels rgb(wanted.size() + 64, 77);
  convert(frame, view, width, height, rgb.data() + 32);
  EXPECT_LE(worst_difference(rgb.data() + 32, wanted), 0.502) << "rounding to the nearest level is all that is lost";
  for (std::size_t i = 0; i < 32; ++i) {
    EXPECT_EQ(rgb[i], 77);
    EXPECT_EQ(rgb[rgb.size() - 1 - i], 77);
  }
}

TEST(VideoConvert, EveryMatrixRangeSubsamplingDepthAndSite) {
  const View part{.x = 3.25, .y = 5.5, .width = 60.5, .height = 33.75};
  for (const AVPixelFormat format : {AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUV422P, AV_PIX_FMT_YUV444P, AV_PIX_FMT_YUV420P10LE,
                                     AV_PIX_FMT_YUV422P10LE, AV_PIX_FMT_YUV444P10LE}) {
    for (const AVColorSpace space :
         {AVCOL_SPC_UNSPECIFIED, AVCOL_SPC_SMPTE170M, AVCOL_SPC_BT709, AVCOL_SPC_BT2020_NCL}) {
      for (const AVColorRange range : {AVCOL_RANGE_UNSPECIFIED, AVCOL_RANGE_MPEG, AVCOL_RANGE_JPEG}) {
        for (const AVChromaLocation site : {AVCHROMA_LOC_UNSPECIFIED, AVCHROMA_LOC_CENTER, AVCHROMA_LOC_TOPLEFT}) {
          const Handle<AVFrame> frame = make_frame({format, space, range, site}, 1);
          SCOPED_TRACE(testing::Message()
                       << av_get_pix_fmt_name(format) << " space " << space << " range " << range << " site " << site);
          expect_reference(wrap(*frame), part, 19, 17);
        }
      }
    }
  }
}

TEST(VideoConvert, EverySizeFlipAndTurn) {
  Rng rng(2);
  for (const AVPixelFormat format : {AV_PIX_FMT_YUV420P, AV_PIX_FMT_RGB24}) {
    const Handle<AVFrame> frame = make_frame({.format = format}, 3);
    for (const int orientation : {0, 90, 180, 270, 360, 450, 540, 630}) {
      const int rotation = orientation % 360;
      for (const auto& [width, height] :
           {std::pair{1, 1}, {16, 16}, {17, 15}, {33, 48}, {70, 46}, {46, 70}, {100, 90}}) {
        const Frame shown = wrap(*frame, rotation, orientation >= 360);
        View view = whole(shown);
        for (const bool cropped : {false, true}) {
          view.flip = rng.chance(0.5);
          if (cropped) {
            view.width *= rng.uniform(0.2, 1);
            view.height *= rng.uniform(0.2, 1);
            view.x = rng.uniform(0, shown.width - view.width);
            view.y = rng.uniform(0, shown.height - view.height);
          }
          SCOPED_TRACE(testing::Message() << orientation << " " << width << "x" << height << " cropped " << cropped);
          expect_reference(shown, view, width, height);
        }
      }
    }
  }
}

TEST(VideoConvert, OtherLayouts) {
  for (const AVPixelFormat format :
       {AV_PIX_FMT_NV12, AV_PIX_FMT_NV21, AV_PIX_FMT_P010LE, AV_PIX_FMT_YUYV422, AV_PIX_FMT_GRAY8, AV_PIX_FMT_GRAY10LE,
        AV_PIX_FMT_RGB24, AV_PIX_FMT_BGR24, AV_PIX_FMT_BGRA, AV_PIX_FMT_ARGB, AV_PIX_FMT_RGB0, AV_PIX_FMT_GBRP,
        AV_PIX_FMT_GBRP10LE, AV_PIX_FMT_YUV411P, AV_PIX_FMT_YUV440P, AV_PIX_FMT_YUVA420P}) {
    SCOPED_TRACE(av_get_pix_fmt_name(format));
    const Handle<AVFrame> frame = make_frame({.format = format, .width = 44, .height = 21}, 5);
    expect_reference(wrap(*frame), {.x = 1.5, .y = 0.25, .width = 40, .height = 20}, 23, 18);
    expect_reference(wrap(*frame), whole(wrap(*frame)), 44, 21);
  }
}

TEST(VideoConvert, PicturesSmallerThanAVector) {
  for (int width = 1; width < 6; ++width) {
    const Handle<AVFrame> frame = make_frame({.width = width, .height = 7 - width}, 6);
    expect_reference(wrap(*frame), whole(wrap(*frame)), 20, 9);
  }
}

// Formats without a path of their own go through swscale: the same content must come out nearly equal.
TEST(VideoConvert, OddFormatsThroughSwscale) {
  silence_libav();
  const Handle<AVFrame> rgb = make_frame({.format = AV_PIX_FMT_RGB24, .smooth = true}, 7);
  Pixels wanted(70 * 46 * 3);
  convert(wrap(*rgb), whole(wrap(*rgb)), 70, 46, wanted.data());
  for (const AVPixelFormat format : {AV_PIX_FMT_RGB565LE, AV_PIX_FMT_YUV444P16BE, AV_PIX_FMT_GBRPF32LE}) {
    Handle<AVFrame> odd = new_frame();
    odd->format = format;
    odd->width = 70;
    odd->height = 46;
    ASSERT_GE(av_frame_get_buffer(odd.get(), 0), 0);
    Handle<SwsContext> scaler(sws_getContext(70, 46, AV_PIX_FMT_RGB24, 70, 46, format, SWS_BILINEAR | SWS_ACCURATE_RND,
                                             nullptr, nullptr, nullptr));
    sws_scale(scaler.get(), rgb->data, rgb->linesize, 0, 46, odd->data, odd->linesize);
    Pixels got(wanted.size());
    convert(wrap(*odd), whole(wrap(*odd)), 70, 46, got.data());
    int worst = 0;
    for (std::size_t i = 0; i < got.size(); ++i) worst = std::max(worst, std::abs(got[i] - wanted[i]));
    EXPECT_LE(worst, format == AV_PIX_FMT_RGB565LE ? 16 : 2) << av_get_pix_fmt_name(format);
  }
}

// swscale does not read the frame's chroma site: it is told here. (Untold it takes the middle, and ffmpeg never tells
// it.)
TEST(VideoConvert, AgreesWithSwscale) {
  for (const AVPixelFormat format :
       {AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUV422P, AV_PIX_FMT_YUV444P, AV_PIX_FMT_GRAY8, AV_PIX_FMT_YUV420P10LE}) {
    for (const AVChromaLocation site : {AVCHROMA_LOC_LEFT, AVCHROMA_LOC_CENTER}) {
      const Handle<AVFrame> frame = make_frame({.format = format, .site = site, .smooth = true}, 8);
      Handle<SwsContext> scaler(sws_alloc_context());
      for (const auto& [name, value] :
           {std::pair{"srcw", 70},
            {"srch", 46},
            {"dstw", 70},
            {"dsth", 46},
            {"src_format", static_cast<int>(format)},
            {"dst_format", static_cast<int>(AV_PIX_FMT_RGB24)},
            {"sws_flags", SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT},
            {"src_h_chr_pos", format != AV_PIX_FMT_YUV444P && site == AVCHROMA_LOC_LEFT ? 0 : -513},
            {"src_v_chr_pos", -513}}) {
        ASSERT_GE(av_opt_set_int(scaler.get(), name, value, 0), 0) << name;
      }
      ASSERT_GE(sws_init_context(scaler.get(), nullptr, nullptr), 0);
      Pixels wanted(70 * 46 * 3), got(wanted.size());
      std::uint8_t* planes[] = {wanted.data()};
      const int strides[] = {70 * 3};
      sws_scale(scaler.get(), frame->data, frame->linesize, 0, 46, planes, strides);
      convert(wrap(*frame), whole(wrap(*frame)), 70, 46, got.data());
      int worst = 0;
      double total = 0;
      for (std::size_t i = 0; i < got.size(); ++i) {
        worst = std::max(worst, std::abs(got[i] - wanted[i]));
        total += std::abs(got[i] - wanted[i]);
      }
      // Its interpolation is cubic, ours linear.
      EXPECT_LE(worst, 5) << av_get_pix_fmt_name(format) << " site " << site;
      EXPECT_LT(total / static_cast<double>(got.size()), 0.7) << av_get_pix_fmt_name(format) << " site " << site;
    }
  }
}

TEST(VideoConvert, EveryInstructionSetGivesTheSameBytes) {
  const Handle<AVFrame> frame = make_frame({.width = 131, .height = 67}, 9);
  const Picture picture = describe(*frame);
  const Lanes widest = widest_lanes();
  for (const auto& [width, height] : {std::pair{50, 37}, {131, 67}, {16, 9}, {200, 100}}) {
    Pixels first;
    for (const Lanes lanes : {Lanes::kFour, Lanes::kEight, Lanes::kSixteen}) {
      if (lanes > widest) continue;
      ResampleJob job{.picture = &picture, .width = width, .height = height, .column_step = 1, .row_step = width};
      for (int c = 0; c < 3; ++c) {
        const Component& part = picture.component[static_cast<std::size_t>(c)];
        job.horizontal[c] = &triangle({part.width, width, 0.3, part.width - 0.7, true});
        job.vertical[c] = &triangle({part.height, height, 0.1, part.height - 0.4, false});
      }
      Pixels rgb(static_cast<std::size_t>(width * height * 3));
      job.rgb = rgb.data();
      std::vector<float> scratch;
      resample(job, lanes, scratch);
      if (first.empty()) first = rgb;
      EXPECT_EQ(rgb, first) << static_cast<int>(lanes) << " lanes, " << width << " x " << height;
    }
  }
}

TEST(VideoConvert, ConstantPicturesStayConstant) {
  for (const int level : {0, 16, 100, 235, 255}) {
    Pixels plane(30 * 20 * 3, static_cast<std::uint8_t>(level)), out(13 * 11 * 3);
    const RawFrame raw(plane, RawFormat::kRgb24, 30, 20);
    convert(raw.frame(), {.x = 0.7, .y = 0.1, .width = 29, .height = 19.5}, 13, 11, out.data());
    for (const std::uint8_t value : out) EXPECT_EQ(value, level);
  }
}

TEST(VideoConvert, RawFramesAreNotCopied) {
  Pixels pixels(8 * 4 * 3);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i * 2);
  RawFrame raw(pixels, RawFormat::kRgb24, 8, 4, 7, 0.5);
  EXPECT_EQ(raw.frame().number, 7);
  EXPECT_EQ(raw.frame().pts_s, 0.5);
  EXPECT_EQ(raw.frame().picture->data[0], pixels.data());
  Pixels out(pixels.size());
  convert(raw.frame(), whole(raw.frame()), 8, 4, out.data());
  EXPECT_EQ(out, pixels);
  Pixels yuv(static_cast<std::size_t>(raw_frame_bytes(RawFormat::kYuv420p, 5, 3)), 128);
  const RawFrame planes(yuv, RawFormat::kYuv420p, 5, 3);
  Pixels grey(5 * 3 * 3);
  convert(planes.frame(), whole(planes.frame()), 5, 3, grey.data());
  for (const std::uint8_t value : grey) EXPECT_EQ(value, 130);  // (128 - 16) * 255 / 219
  EXPECT_THROW(RawFrame(pixels, RawFormat::kRgb24, 0, 4), UsageError);
  EXPECT_THROW(raw.reset(std::span(pixels).first(10), 0, 0), InternalError);
}

TEST(VideoConvert, KeepsTheSamplesOfSeveralViewsOnce) {
  const Handle<AVFrame> frame = make_frame({.width = 71, .height = 45}, 10);
  const Frame shown = wrap(*frame, 90);
  std::vector<View> views;
  for (const double y : {0.0, 13.0, 26.0}) views.push_back({.y = y, .width = 45, .height = 45, .flip = y > 0});
  std::vector<std::uint8_t> samples(3, 7);  // something is there already
  std::vector<kernels::ConvertPicture> pictures(views.size());
  extract_planes(shown, views, 32, 32, 1 << 20, samples, pictures.data());
  EXPECT_LE(samples.size(), 3 + 71u * 45 + 2 * 36 * 23 + 3 * 16);
  const Pixels later = convert_later(shown, views, 32, 32);
  for (std::size_t i = 0; i < views.size(); ++i) {
    EXPECT_EQ(pictures[i].component[0].at, 16);
    Pixels now(32 * 32 * 3);
    convert(shown, views[i], 32, 32, now.data());
    for (std::size_t k = 0; k < now.size(); ++k) ASSERT_NEAR(later[i * now.size() + k], now[k], 1);
  }
}

TEST(VideoConvert, ConvertsAtOnceWhatWouldTakeTooManyBytes) {
  const Handle<AVFrame> frame = make_frame({}, 11);
  const Frame shown = wrap(*frame, 270);
  const View view{.x = 2, .y = 3.5, .width = 40, .height = 61, .flip = true};
  Pixels now(24 * 31 * 3);
  convert(shown, view, 24, 31, now.data());
  EXPECT_EQ(convert_later(shown, {&view, 1}, 24, 31, 100), now);
}

TEST(VideoConvert, RefusesViewsOutsideThePicture) {
  Pixels pixels(8 * 4 * 3), out(3);
  const RawFrame raw(pixels, RawFormat::kRgb24, 8, 4);
  EXPECT_THROW(convert(raw.frame(), {.x = 1, .width = 8, .height = 4}, 1, 1, out.data()), InternalError);
  EXPECT_THROW(convert(raw.frame(), {.width = 0, .height = 4}, 1, 1, out.data()), InternalError);
}

}  // namespace
}  // namespace trecvit::video
