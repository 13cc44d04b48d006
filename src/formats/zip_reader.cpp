#include "formats/zip_reader.h"

#include <zip.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "formats/checks.h"

namespace trecvit {

// libzip reads the mapping through its callback interface. Note [Member offsets]: libzip does not tell
// where a member's bytes lie, but the first read of a member's raw bytes reaches this source at exactly that place.
struct ZipReader::Source {
  MappedFile file;
  std::uint64_t position = 0;
  std::uint64_t last_read = 0;  // where the last read began
  zip_error_t error;

  static zip_int64_t call(void* self, void* data, zip_uint64_t length, zip_source_cmd_t command) {
    return static_cast<Source*>(self)->answer(data, length, command);
  }

  zip_int64_t answer(void* data, zip_uint64_t length, zip_source_cmd_t command) {
    switch (command) {
      case ZIP_SOURCE_OPEN:
        position = 0;
        return 0;
      case ZIP_SOURCE_CLOSE:
      case ZIP_SOURCE_FREE:
        return 0;
      case ZIP_SOURCE_READ: {
        const std::uint64_t count = std::min<std::uint64_t>(length, file.size - position);
        if (count > 0) std::memcpy(data, file.data.get() + position, count);
        last_read = position;
        position += count;
        return static_cast<zip_int64_t>(count);
      }
      case ZIP_SOURCE_SEEK: {
        const zip_int64_t target = zip_source_seek_compute_offset(position, file.size, data, length, &error);
        if (target < 0) return -1;
        position = static_cast<std::uint64_t>(target);
        return 0;
      }
      case ZIP_SOURCE_TELL:
        return static_cast<zip_int64_t>(position);
      case ZIP_SOURCE_STAT: {
        auto* stat = static_cast<zip_stat_t*>(data);
        zip_stat_init(stat);
        stat->valid = ZIP_STAT_SIZE;
        stat->size = file.size;
        return sizeof *stat;
      }
      case ZIP_SOURCE_ERROR:
        return zip_error_to_data(&error, data, length);
      case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT,
                                              ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE, ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL,
                                              ZIP_SOURCE_SUPPORTS, -1);
      default:
        zip_error_set(&error, ZIP_ER_OPNOTSUPP, 0);
        return -1;
    }
  }
};

struct ZipReader::Stream::State {
  zip_file_t* file = nullptr;
  std::string origin;
  std::uint64_t left = 0;
};

ZipReader::ZipReader(const std::filesystem::path& path)
    : path_(path), file_(map_file(path)), source_(std::make_unique<Source>()) {
  if (file_.size == 0) throw Error(path.string(), " is empty; an .npz file is wanted here");
  source_->file = file_;
  zip_error_init(&source_->error);
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_function_create(&Source::call, source_.get(), &error);
  if (source) archive_ = zip_open_from_source(source, ZIP_RDONLY, &error);
  if (!archive_) {
    const std::string why = zip_error_strerror(&error);
    zip_error_fini(&error);
    if (source) zip_source_free(source);
    throw Error(path.string(), " is not an .npz file, or was cut off: ", why);
  }
  zip_error_fini(&error);
  try {
    const zip_int64_t count = zip_get_num_entries(archive_, 0);
    for (zip_int64_t i = 0; i < count; ++i) members_.push_back(describe(static_cast<std::uint64_t>(i)));
    refuse_overlaps();
  } catch (...) {
    zip_discard(archive_);
    throw;
  }
}

ZipReader::~ZipReader() { zip_discard(archive_); }

std::string ZipReader::origin(std::size_t member) const {
  return text(path_.string(), ", member '", printable(members_[member].name), "'");
}

ZipReader::Member ZipReader::describe(std::uint64_t index) {
  // Deflate spends at least one bit per 258-byte match and both trees: about 1032 to 1, whatever the data.
  constexpr std::uint64_t kMostExpansion = 1100;
  zip_stat_t stat;
  zip_stat_init(&stat);
  constexpr zip_uint64_t kNeeded = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_CRC |
                                   ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
  if (zip_stat_index(archive_, index, 0, &stat) != 0 || (stat.valid & kNeeded) != kNeeded)
    throw Error(path_.string(), ": entry ", index, " of the zip directory is broken");
  const std::string where = text(path_.string(), ", member '", printable(stat.name), "'");
  if (stat.encryption_method != ZIP_EM_NONE) throw Error(where, " is encrypted; save the arrays without a password");
  if (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE)
    throw Error(where, " uses zip compression method ", stat.comp_method,
                "; stored and deflated members are supported");
  Member member{.name = stat.name,
                .deflated = stat.comp_method == ZIP_CM_DEFLATE,
                .crc = stat.crc,
                .size = stat.size,
                .stored_size = stat.comp_size};
  if (member.stored_size > file_.size)
    throw Error(where, " claims ", member.stored_size, " bytes, but the whole file has ", file_.size);
  if (!member.deflated && member.size != member.stored_size)
    throw Error(where, " is stored, but its two sizes differ (", member.size, " and ", member.stored_size, ")");
  if (member.deflated && member.size / kMostExpansion > member.stored_size)
    throw Error(where, " claims to expand from ", member.stored_size, " to ", member.size,
                " bytes, more than deflate can; the file is damaged or hostile");
  if (member.stored_size == 0) throw Error(where, " is empty; an .npy array is wanted there");

  zip_file_t* raw = zip_fopen_index(archive_, index, ZIP_FL_COMPRESSED);
  std::byte first;
  const bool readable = raw && zip_fread(raw, &first, 1) == 1;
  if (raw) zip_fclose(raw);
  member.offset = source_->last_read;  // Note [Member offsets]
  if (!readable || member.offset > file_.size - member.stored_size)
    throw Error(where, " lies outside the file; the file was cut off or damaged");
  return member;
}

void ZipReader::refuse_overlaps() const {
  std::vector<std::size_t> order(members_.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return members_[a].offset < members_[b].offset; });
  for (std::size_t i = 1; i < order.size(); ++i) {
    const Member& before = members_[order[i - 1]];
    if (members_[order[i]].offset < before.offset + before.stored_size)
      throw Error(origin(order[i]), " overlaps member '", printable(before.name), "'; the file is damaged or hostile");
  }
}

std::span<const std::byte> ZipReader::stored(std::size_t index) const {
  const Member& member = members_[index];
  ensure(!member.deflated, "ZipReader::stored: member ", index, " is deflated");
  const std::byte* bytes = file_.data.get() + member.offset;
  if (crc32_z(0, reinterpret_cast<const Bytef*>(bytes), member.size) != member.crc)
    throw Error(origin(index), " is damaged: its CRC-32 does not match; fetch the file again");
  return {bytes, member.size};
}

ZipReader::Stream::Stream(const ZipReader& reader, std::size_t member) : state_(std::make_unique<State>()) {
  state_->origin = reader.origin(member);
  state_->left = reader.members()[member].size;
  state_->file = zip_fopen_index(reader.archive_, member, 0);
  if (!state_->file) throw Error(state_->origin, " cannot be opened: ", zip_strerror(reader.archive_));
}

ZipReader::Stream::~Stream() { zip_fclose(state_->file); }

std::size_t ZipReader::Stream::read(std::byte* to, std::size_t count) {
  std::size_t done = 0;
  while (done < count) {
    const zip_int64_t got = zip_fread(state_->file, to + done, count - done);
    if (got < 0) throw Error(state_->origin, " is damaged: ", zip_file_strerror(state_->file));
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  if (done > state_->left) throw Error(state_->origin, " holds more bytes than its declared size");
  state_->left -= done;
  return done;
}

void ZipReader::Stream::finish() {
  if (state_->left != 0) throw Error(state_->origin, " ends ", state_->left, " bytes before its declared size");
  std::byte extra;
  read(&extra, 1);  // reaching the end is also what makes libzip compare the CRC
}

}  // namespace trecvit
