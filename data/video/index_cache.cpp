#include "data/video/index_cache.h"

extern "C" {
#include <libavformat/version.h>
}

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <type_traits>

#include "core/error.h"
#include "core/file.h"
#include "core/rng.h"
#include "data/video/decoder.h"

namespace trecvit::video {
namespace {

namespace fs = std::filesystem;

// The key of a cached index: the file, its size and time of change, and the version of libavformat, which cuts packets.
std::string identity(const fs::path& path) {
  const auto changed = fs::last_write_time(path).time_since_epoch();
  return text("trecvit index 1\n", fs::absolute(path).lexically_normal().string(), "\n", fs::file_size(path),
              " bytes, ", std::chrono::duration_cast<std::chrono::nanoseconds>(changed).count(), " ns, libavformat ",
              avformat_version(), "\n");
}

fs::path place(const std::string& cache, const fs::path& path) {
  char name[32];
  std::snprintf(name, sizeof name, "%016llx.index",
                static_cast<unsigned long long>(stream_id(fs::absolute(path).lexically_normal().string())));
  return fs::path(cache) / name;
}

// One member after the other, as they lie in memory: a cache never leaves its machine. Writing and reading share the
// order of members below.
class Writer {
 public:
  std::string bytes;
  template <class T>
  bool operator()(T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    return true;
  }
  template <class T>
  bool size(std::vector<T>& list) {
    std::uint64_t count = list.size();
    return (*this)(count);
  }
};

class Reader {
 public:
  Reader(const char* at, const char* end) : at_(at), end_(end) {}
  template <class T>
  bool operator()(T& value) {
    if (static_cast<std::size_t>(end_ - at_) < sizeof value) return false;
    std::memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    return true;
  }
  template <class T>
  bool size(std::vector<T>& list) {
    std::uint64_t count = 0;
    if (!(*this)(count) || count > static_cast<std::uint64_t>(end_ - at_)) return false;
    list.resize(count);
    return true;
  }
  bool ended() const { return at_ == end_; }

 private:
  const char *at_, *end_;
};

template <class Visitor>
bool visit(Visitor& v, Index& index) {
  bool whole = v(index.by_time) && v(index.reorder) && v.size(index.packets);
  for (std::size_t i = 0; whole && i < index.packets.size(); ++i) {
    IndexedPacket& p = index.packets[i];
    whole = v(p.pts) && v(p.dts) && v(p.display_index) && v(p.size) && v(p.start) && v(p.droppable);
  }
  whole = whole && v.size(index.times);
  for (std::size_t i = 0; whole && i < index.times.size(); ++i) whole = v(index.times[i]);
  whole = whole && v.size(index.starts);
  for (std::size_t i = 0; whole && i < index.starts.size(); ++i) {
    whole = v(index.starts[i].packet) && v(index.starts[i].display_index);
  }
  return whole;
}

}  // namespace

std::string default_index_cache() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache && *cache) return text(cache, "/trecvit/index");
  if (const char* home = std::getenv("HOME"); home && *home) return text(home, "/.cache/trecvit/index");
  return "";
}

std::int64_t file_bytes(const std::string& source) {
  std::error_code failed;
  const auto size = fs::is_regular_file(source, failed) ? fs::file_size(source, failed) : 0;
  return failed ? 0 : static_cast<std::int64_t>(size);
}

std::optional<Index> load_index(const std::string& cache, const std::string& source) {
  try {
    const fs::path file = place(cache, source);
    if (!fs::exists(file)) return std::nullopt;
    const MappedFile mapped = map_file(file);
    const std::string_view content(reinterpret_cast<const char*>(mapped.data.get()), mapped.size);
    const std::string wanted = identity(source);
    std::uint64_t hash = 0;
    if (content.size() < wanted.size() + sizeof hash || !content.starts_with(wanted)) return std::nullopt;
    const std::string_view body = content.substr(0, content.size() - sizeof hash);
    std::memcpy(&hash, body.data() + body.size(), sizeof hash);
    if (hash != stream_id(body)) return std::nullopt;
    Index index{.kept = false};
    Reader reader(body.data() + wanted.size(), body.data() + body.size());
    if (!visit(reader, index) || !reader.ended()) return std::nullopt;
    return index;
  } catch (const std::exception&) {  // unreadable is as good as absent
    return std::nullopt;
  }
}

void store_index(const std::string& cache, const std::string& source, const Index& index) {
  if (cache.empty() || file_bytes(source) == 0) return;
  // Files are written beside and renamed, under a name that a process has to itself but its threads share.
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  try {
    Writer writer{identity(source)};
    visit(writer, const_cast<Index&>(index));
    const std::uint64_t hash = stream_id(writer.bytes);
    writer(hash);
    make_folders(cache);
    write_file(place(cache, source), writer.bytes);
  } catch (const std::exception&) {
  }
}

}  // namespace trecvit::video
