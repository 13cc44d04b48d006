// Zip archives byte by byte, so that any field can lie. Format: PKWARE APPNOTE 6.3.x, sections 4.3.7, 4.3.12
// and 4.3.16.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace trecvit {

inline std::string little_endian(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
  return out;
}

// A raw deflate stream of `plain`.
inline std::string deflated(const std::string& plain) {
  z_stream stream{};
  deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, plain.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

struct ZipMember {
  std::string name;
  std::string plain;  // before compression
  bool deflate = false;
  // Lies, in the directory and in the local header alike.
  std::optional<std::uint32_t> crc, size, stored_size;
  std::optional<std::uint16_t> method, flags;
  // In the directory only: another local header's place.
  std::optional<std::uint32_t> offset;
};

inline std::string build_zip(const std::vector<ZipMember>& members) {
  std::string locals, directory;
  for (const ZipMember& member : members) {
    const std::string body = member.deflate ? deflated(member.plain) : member.plain;
    const auto crc = static_cast<std::uint32_t>(
        crc32_z(0, reinterpret_cast<const Bytef*>(member.plain.data()), member.plain.size()));
    const std::string common = little_endian(member.flags.value_or(0), 2) +
                               little_endian(member.method.value_or(member.deflate ? 8 : 0), 2) + little_endian(0, 2) +
                               little_endian(33, 2) + little_endian(member.crc.value_or(crc), 4) +
                               little_endian(member.stored_size.value_or(body.size()), 4) +
                               little_endian(member.size.value_or(member.plain.size()), 4) +
                               little_endian(member.name.size(), 2) + little_endian(0, 2);
    directory += "PK\1\2" + little_endian(20, 2) + little_endian(20, 2) + common + std::string(10, '\0') +
                 little_endian(member.offset.value_or(static_cast<std::uint32_t>(locals.size())), 4) + member.name;
    locals += "PK\3\4" + little_endian(20, 2) + common + member.name + body;
  }
  const std::string end = "PK\5\6" + little_endian(0, 4) + little_endian(members.size(), 2) +
                          little_endian(members.size(), 2) + little_endian(directory.size(), 4) +
                          little_endian(locals.size(), 4) + little_endian(0, 2);
  return locals + directory + end;
}

}  // namespace trecvit
