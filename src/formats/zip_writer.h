// Writes a zip archive of stored members through libzip.
#pragma once

#include <cstddef>
#include <deque>
#include <filesystem>
#include <span>
#include <string>

struct zip;

namespace trecvit {

// Nothing appears at `path` before commit(); without it nothing is left behind. Equal members give equal bytes: every
// member carries the zip epoch, 1980-01-01 00:00, as its time.
class ZipWriter {
 public:
  explicit ZipWriter(std::filesystem::path path);
  ~ZipWriter();
  ZipWriter(const ZipWriter&) = delete;
  ZipWriter& operator=(const ZipWriter&) = delete;

  // A member `header` + `data`, in the order of the calls. `data` must live until commit().
  void add(const std::string& name, const std::string& header, std::span<const std::byte> data);
  // Writes everything, flushes to the disk, renames over `path`. Error: cannot be written.
  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  zip* archive_ = nullptr;
  std::deque<std::string> headers_;  // libzip reads them at commit(); a deque never moves them
};

}  // namespace trecvit
