#include "formats/zip_writer.h"

#include <fcntl.h>
#include <unistd.h>
#include <zip.h>

#include <cerrno>
#include <cstring>

#include "core/error.h"
#include "core/file.h"

namespace trecvit {

ZipWriter::ZipWriter(std::filesystem::path path) : path_(std::move(path)), temporary_(path_) {
  temporary_ += text(".part", ::getpid());
  int code = 0;
  archive_ = zip_open(temporary_.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
  if (!archive_) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string why = zip_error_strerror(&error);
    zip_error_fini(&error);
    throw Error("cannot create ", path_.string(), ": ", why);
  }
}

ZipWriter::~ZipWriter() {
  if (archive_) zip_discard(archive_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void ZipWriter::add(const std::string& name, const std::string& header, std::span<const std::byte> data) {
  constexpr zip_uint16_t kEpochDate = (1 << 5) | 1;  // years since 1980 << 9 | month << 5 | day
  headers_.push_back(header);
  std::string& kept = headers_.back();
  // libzip only reads the fragments, although their type is not const.
  const zip_buffer_fragment_t fragments[] = {
      {reinterpret_cast<zip_uint8_t*>(kept.data()), kept.size()},
      {reinterpret_cast<zip_uint8_t*>(const_cast<std::byte*>(data.data())), data.size()}};
  zip_source_t* source = zip_source_buffer_fragment(archive_, fragments, data.empty() ? 1 : 2, /*freep=*/0);
  const zip_int64_t index = source ? zip_file_add(archive_, name.c_str(), source, ZIP_FL_ENC_UTF_8) : -1;
  const bool added = index >= 0 &&
                     zip_set_file_compression(archive_, static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0) == 0 &&
                     zip_file_set_dostime(archive_, static_cast<zip_uint64_t>(index), 0, kEpochDate, 0) == 0;
  if (added) return;
  if (source && index < 0) zip_source_free(source);
  throw Error("cannot write '", name, "' to ", path_.string(), ": ", zip_strerror(archive_));
}

void ZipWriter::commit() {
  if (zip_close(archive_) != 0) {
    const bool full = zip_error_code_system(zip_get_error(archive_)) == ENOSPC;
    const char* advice = full ? "; free some space and run the same command again" : "";
    throw Error("cannot write ", path_.string(), ": ", zip_strerror(archive_), advice);
  }
  archive_ = nullptr;
  const int fd = ::open(temporary_.c_str(), O_RDONLY | O_CLOEXEC);
  const bool flushed = fd >= 0 && ::fsync(fd) == 0;
  if (fd >= 0) ::close(fd);
  if (!flushed || ::rename(temporary_.c_str(), path_.c_str()) != 0)
    throw Error("cannot write ", path_.string(), ": ", std::strerror(errno));
  temporary_.clear();
  sync_folder(path_.has_parent_path() ? path_.parent_path() : std::filesystem::path("."));
}

}  // namespace trecvit
