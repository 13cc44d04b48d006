// A zip archive read through libzip from a mapped file, with the place of each member's bytes in the mapping.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/file.h"

struct zip;

namespace trecvit {

class ZipReader {
 public:
  struct Member {
    std::string name;               // UTF-8, as in the directory
    bool deflated = false;          // else stored
    std::uint32_t crc = 0;          // CRC-32 of the uncompressed bytes
    std::uint64_t size = 0;         // uncompressed, as declared
    std::uint64_t stored_size = 0;  // bytes in the file
    std::uint64_t offset = 0;       // of those bytes in the file
  };

  // Reads and checks the directory. Error: see read_npz().
  explicit ZipReader(const std::filesystem::path& path);
  ~ZipReader();
  ZipReader(const ZipReader&) = delete;
  ZipReader& operator=(const ZipReader&) = delete;

  const std::vector<Member>& members() const { return members_; }
  const MappedFile& file() const { return file_; }
  // "weights.npz, member 'a/b.npy'"
  std::string origin(std::size_t member) const;

  // A stored member's bytes in the mapping, after their CRC was checked; may be called from several threads.
  std::span<const std::byte> stored(std::size_t member) const;

  // Decompresses the members one after another. Error: damaged data, wrong CRC, fewer or more bytes than declared.
  class Stream {
   public:
    Stream(const ZipReader& reader, std::size_t member);
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    // Reads up to `count` bytes; fewer only at the end.
    std::size_t read(std::byte* to, std::size_t count);
    // Error unless the declared size was read, nothing follows, and the CRC is right.
    void finish();

   private:
    struct State;
    std::unique_ptr<State> state_;
  };

 private:
  struct Source;
  Member describe(std::uint64_t index);
  void refuse_overlaps() const;

  std::filesystem::path path_;
  MappedFile file_;
  std::unique_ptr<Source> source_;
  zip* archive_ = nullptr;
  std::vector<Member> members_;
};

}  // namespace trecvit
