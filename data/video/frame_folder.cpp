#include "data/video/frame_folder.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <map>
#include <numeric>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "core/folder.h"
#include "data/video/libav.h"

namespace trecvit::video {
namespace {

namespace fs = std::filesystem;

bool is_picture(const fs::path& path) { return has_suffix(path, {".jpg", ".jpeg", ".png", ".bmp", ".webp"}); }

// A picture's name around its last number: "img_00012_s" is the 12th of the sequence "img_" ... "_s".
struct Name {
  std::string before, number, after;  // number: without leading zeros; empty: none in the name
  std::pair<std::string, std::string> sequence() const { return {before, after}; }
};

Name parse_name(const fs::path& path) {
  const std::string name = path.stem().string();
  const std::size_t last = name.find_last_of("0123456789");
  if (last == std::string::npos) return {.before = name, .number = "", .after = ""};
  const std::size_t ahead = name.find_last_not_of("0123456789", last);
  const std::size_t first = ahead == std::string::npos ? 0 : ahead + 1;
  const std::size_t digit = std::min(name.find_first_not_of('0', first), last);
  return {
      .before = name.substr(0, first), .number = name.substr(digit, last + 1 - digit), .after = name.substr(last + 1)};
}

// Tools that calculate optical flow leave it beside the pictures: flow_x_00001, x_00001, img_00001_flow.
bool is_flow(const Name& name) {
  static const std::set<std::string> kWords = {"flow", "flowx", "flowy", "optflow", "opticalflow", "x", "y", "u", "v"};
  std::string word;
  for (const char c : name.before + "_" + name.after + "_") {
    if (std::isalpha(static_cast<unsigned char>(c))) {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else {
      if (kWords.contains(word)) return true;
      word.clear();
    }
  }
  return false;
}

struct Picture {
  fs::path path;
  Name name;
};

// The one sequence of pictures in a folder, in order. Error: several, for any choice could be the wrong one.
std::vector<Picture> one_sequence(std::vector<Picture> pictures, const fs::path& folder) {
  const auto sequences = [&] {
    std::map<std::pair<std::string, std::string>, fs::path> found;
    for (const Picture& picture : pictures) found.emplace(picture.name.sequence(), picture.path);
    return found;
  };
  // Beside numbered pictures, one without a number is a cover.
  const bool numbered =
      std::any_of(pictures.begin(), pictures.end(), [](const Picture& p) { return !p.name.number.empty(); });
  if (numbered) {
    std::erase_if(pictures, [](const Picture& p) { return p.name.number.empty(); });
    if (sequences().size() > 1) std::erase_if(pictures, [](const Picture& p) { return is_flow(p.name); });
    if (const auto left = sequences(); left.size() != 1) {
      throw Error("folder ", folder.string(), " holds pictures of several sequences",
                  left.empty() ? ", all of optical flow"
                               : text(", such as ", left.begin()->second.filename().string(), " and ",
                                      left.rbegin()->second.filename().string()),
                  "; it must hold the frames of one video, numbered in one way");
    }
  }
  std::sort(pictures.begin(), pictures.end(), [](const Picture& a, const Picture& b) {
    const std::string &first = a.name.number, &second = b.name.number;
    if (first.size() != second.size()) return first.size() < second.size();
    return first != second ? first < second : a.path < b.path;
  });
  for (std::size_t i = 1; numbered && i < pictures.size(); ++i) {
    if (pictures[i].name.number != pictures[i - 1].name.number) continue;
    throw Error("folder ", folder.string(), " holds frame ", pictures[i].name.number,
                " twice: ", pictures[i - 1].path.filename().string(), " and ", pictures[i].path.filename().string());
  }
  return pictures;
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
    if (!is_regular(path)) throw Error("picture ", path.string(), " is no regular file");
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
  if (!is_folder(folder)) throw Error("folder ", folder.string(), " of extracted frames does not exist");
  std::vector<Picture> pictures;
  for (const fs::path& path : folder_entries(folder)) {
    if (is_picture(path)) pictures.push_back({.path = path, .name = parse_name(path)});
  }
  if (pictures.empty()) throw Error("folder ", folder.string(), " holds no pictures");
  for (Picture& picture : one_sequence(std::move(pictures), folder)) {
    impl_->pictures.push_back(std::move(picture.path));
  }
}
FrameFolder::~FrameFolder() = default;
FrameFolder::FrameFolder(FrameFolder&&) noexcept = default;
FrameFolder& FrameFolder::operator=(FrameFolder&&) noexcept = default;

std::int64_t FrameFolder::frames() const { return std::ssize(impl_->pictures); }
void FrameFolder::expect(std::int64_t listed) const {
  if (frames() == listed) return;
  throw Error("folder ", impl_->folder.string(), " has ", frames(), " pictures, but its list says ", listed,
              "; the two must agree");
}
std::int64_t FrameFolder::bytes() const {
  std::int64_t sum = 0;
  for (const fs::path& path : impl_->pictures) {
    std::error_code unknown;
    if (const auto size = fs::file_size(path, unknown); !unknown) sum += static_cast<std::int64_t>(size);
  }
  return sum;
}
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
