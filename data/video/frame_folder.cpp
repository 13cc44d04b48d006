#include "data/video/frame_folder.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "data/video/libav.h"

namespace trecvit::video {
namespace {

namespace fs = std::filesystem;

bool is_picture(const fs::path& path) {
  return has_suffix(path, {".jpg", ".jpeg", ".png", ".bmp", ".webp"});
}

// The last run of digits in a name without suffix; 0 without one.
std::uint64_t number_in(const fs::path& path) {
  const std::string name = path.stem().string();
  const std::size_t last = name.find_last_of("0123456789");
  if (last == std::string::npos) return 0;
  const std::size_t before = name.find_last_not_of("0123456789", last);
  const std::size_t first = before == std::string::npos ? 0 : before + 1;
  std::uint64_t number = 0;
  for (std::size_t i = first; i <= last; ++i) number = number * 10 + static_cast<std::uint64_t>(name[i] - '0');
  return number;
}

// By content: many a .jpg is a PNG.
AVCodecID picture_codec(std::string_view bytes) {
  if (bytes.starts_with("\xFF\xD8")) return AV_CODEC_ID_MJPEG;
  if (bytes.starts_with("\x89PNG")) return AV_CODEC_ID_PNG;
  if (bytes.starts_with("BM")) return AV_CODEC_ID_BMP;
  if (bytes.starts_with("RIFF") && bytes.substr(0, 12).ends_with("WEBP")) return AV_CODEC_ID_WEBP;
  return AV_CODEC_ID_NONE;
}

}  // namespace

struct FrameFolder::Impl {
  fs::path folder;
  double deadline_s;
  std::vector<fs::path> pictures;
  Handle<AVFrame> picture = new_frame();
  Handle<AVPacket> packet = new_packet();
  std::int64_t decoded = 0;

  // One for each picture: FFmpeg 5.1's PNG decoder lets a picture's last row into the next.
  Handle<AVCodecContext> open_codec(AVCodecID id, const fs::path& path) {
    const AVCodec* decoder = avcodec_find_decoder(id);
    if (!decoder) throw Error("picture ", path.string(), " cannot be decoded: it is not a JPEG, PNG, BMP or WebP");
    Handle<AVCodecContext> context(avcodec_alloc_context3(decoder));
    if (!context) throw std::bad_alloc();
    context->thread_count = 1;
    context->max_pixels = 8192LL * 8192;
    const int code = avcodec_open2(context.get(), decoder, nullptr);
    if (code < 0) throw Error("picture ", path.string(), " cannot be decoded (", libav_text(code), ")");
    return context;
  }

  void read(const fs::path& path) {
    const std::string bytes = read_file(path);
    const Handle<AVCodecContext> context = open_codec(picture_codec(bytes), path);
    av_packet_unref(packet.get());
    if (av_new_packet(packet.get(), static_cast<int>(bytes.size())) < 0) throw std::bad_alloc();
    std::memcpy(packet->data, bytes.data(), bytes.size());
    int code = avcodec_send_packet(context.get(), packet.get());
    if (code >= 0) code = avcodec_send_packet(context.get(), nullptr);
    if (code >= 0) code = avcodec_receive_frame(context.get(), picture.get());
    if (code < 0 || picture->decode_error_flags != 0) {
      throw Error("picture ", path.string(), " is damaged (", code < 0 ? libav_text(code) : "errors in its data", ")");
    }
    ++decoded;
  }
};

FrameFolder::FrameFolder(const fs::path& folder, double deadline_s) : impl_(std::make_unique<Impl>()) {
  silence_libav();
  impl_->folder = folder;
  impl_->deadline_s = deadline_s;
  if (!fs::is_directory(folder)) throw Error("folder ", folder.string(), " of extracted frames does not exist");
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (is_picture(entry.path())) impl_->pictures.push_back(entry.path());
  }
  if (impl_->pictures.empty()) throw Error("folder ", folder.string(), " holds no pictures");
  std::sort(impl_->pictures.begin(), impl_->pictures.end(), [](const fs::path& a, const fs::path& b) {
    const std::uint64_t first = number_in(a), second = number_in(b);
    return first != second ? first < second : a < b;
  });
}
FrameFolder::~FrameFolder() = default;
FrameFolder::FrameFolder(FrameFolder&&) noexcept = default;
FrameFolder& FrameFolder::operator=(FrameFolder&&) noexcept = default;

std::int64_t FrameFolder::frames() const { return std::ssize(impl_->pictures); }
std::int64_t FrameFolder::decoded() const { return impl_->decoded; }

void FrameFolder::decode(std::span<const std::int64_t> numbers,
                         const std::function<void(std::size_t k, const Frame& frame)>& sink) {
  Deadline deadline;
  deadline.start(impl_->deadline_s);
  std::vector<std::size_t> order(numbers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return numbers[a] < numbers[b]; });
  std::int64_t last = -1;
  for (const std::size_t k : order) {
    const std::int64_t number = numbers[k];
    if (number < 0 || number >= frames())
      throw Error("folder ", impl_->folder.string(), " has no frame ", number, ": its frames are 0 to ", frames() - 1);
    if (number != last) impl_->read(impl_->pictures[static_cast<std::size_t>(number)]);
    if (deadline.passed())
      throw Error("folder ", impl_->folder.string(), " took longer to read than its deadline allows");
    last = number;
    sink(k, {.picture = impl_->picture.get(),
             .width = impl_->picture->width,
             .height = impl_->picture->height,
             .number = number,
             .pts_s = static_cast<double>(number)});
  }
}

}  // namespace trecvit::video
