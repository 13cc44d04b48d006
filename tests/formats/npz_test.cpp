#include "formats/npz.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "formats/npy.h"
#include "sample_arrays.h"
#include "temp_files.h"
#include "zip_builder.h"

namespace trecvit {
namespace {

using namespace std::string_literals;

std::string npy_bytes(const Array& array) {
  return npy_header(array) + std::string(reinterpret_cast<const char*>(array.data.get()), array.bytes());
}

// A member of four f32 values.
ZipMember small(const std::string& name, bool deflate = false) {
  return {.name = name, .plain = npy_bytes(random_array(Dtype::kF32, {4}, 7)), .deflate = deflate};
}

// The same with any field changed.
template <class Change>
ZipMember changed(Change change, bool deflate = false) {
  ZipMember member = small("m.npy", deflate);
  change(member);
  return member;
}

TEST(Npz, RoundTripIsBitIdenticalForEveryDtype) {
  const TempFolder folder;
  const NamedArrays arrays = sample_arrays();
  write_npz(folder / "x.npz", arrays);
  expect_same(read_npz(folder / "x.npz"), arrays);
}

TEST(Npz, EqualArraysGiveEqualBytesAndNothingElseIsLeftInTheFolder) {
  const TempFolder folder;
  write_npz(folder / "a.npz", sample_arrays());
  write_npz(folder / "b.npz", sample_arrays());
  EXPECT_EQ(read_file(folder / "a.npz"), read_file(folder / "b.npz"));
  const std::filesystem::directory_iterator entries(folder / "");
  EXPECT_EQ(std::distance(begin(entries), end(entries)), 2);
}

TEST(Npz, EmptyArchive) {
  const TempFolder folder;
  write_npz(folder / "x.npz", {});
  EXPECT_TRUE(read_npz(folder / "x.npz").empty());
}

TEST(Npz, WritingReplacesAnExistingFile) {
  const TempFolder folder;
  folder.put("x.npz", "something else");
  write_npz(folder / "x.npz", {{"a", random_array(Dtype::kU8, {2}, 1)}});
  EXPECT_EQ(read_npz(folder / "x.npz").size(), 1u);
}

TEST(Npz, StoredAndDeflatedMembersInAnyOrder) {
  const TempFolder folder;
  const NamedArrays arrays = sample_arrays();
  std::vector<ZipMember> members;
  for (const auto& [name, array] : arrays)
    members.push_back({.name = name + ".npy", .plain = npy_bytes(array), .deflate = members.size() % 2 == 0});
  std::reverse(members.begin(), members.end());
  expect_same(read_npz(folder.put("x.npz", build_zip(members))), arrays);
}

TEST(Npz, DeflatedMembersOfManyBuffersAndDeepCompression) {
  const TempFolder folder;
  NamedArrays arrays{{"noise", random_array(Dtype::kF32, {100, 300}, 1)}};
  std::byte* zeros = nullptr;
  arrays["zeros"] = allocate_array(Dtype::kF32, {1000, 1000}, &zeros);
  std::fill_n(zeros, arrays["zeros"].bytes(), std::byte{0});
  std::vector<ZipMember> members;
  for (const auto& [name, array] : arrays)
    members.push_back({.name = name + ".npy", .plain = npy_bytes(array), .deflate = true});
  const std::string bytes = build_zip(members);
  ASSERT_LT(bytes.size(), 150'000u) << "the zeros should compress about 1000 times";
  expect_same(read_npz(folder.put("x.npz", bytes)), arrays);
}

TEST(Npz, FortranOrderInADeflatedMember) {
  const TempFolder folder;
  const std::string dict = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 2), }";
  const std::string npy = "\x93NUMPY\1\0"s + little_endian(dict.size(), 2) + dict + "\1\3\2\4";
  const NamedArrays arrays =
      read_npz(folder.put("x.npz", build_zip({{.name = "m.npy", .plain = npy, .deflate = true}})));
  EXPECT_EQ(to_f32(arrays.at("m")), (std::vector<float>{1, 2, 3, 4}));
}

TEST(Npz, ArraysOutliveTheFile) {
  const TempFolder folder;
  const NamedArrays arrays = sample_arrays();
  write_npz(folder / "x.npz", arrays);
  const NamedArrays read = read_npz(folder / "x.npz");
  std::filesystem::remove(folder / "x.npz");
  expect_same(read, arrays);
}

TEST(Npz, RefusesHostileAndBrokenArchives) {
  const std::string good = build_zip({small("a.npy"), small("b.npy", true)});
  const std::string claims_5 = "{'descr': '<f4', 'fortran_order': False, 'shape': (5,), }";
  const std::string wrong_count =
      "\x93NUMPY\1\0"s + little_endian(claims_5.size(), 2) + claims_5 + std::string(16, '\0');
  const std::tuple<std::string, std::string, std::string> cases[] = {
      {"empty file", "", "is empty"},
      {"not a zip", "PKsomething else that is no archive", "not an .npz file"},
      {"no directory", good.substr(0, good.size() / 2), "not an .npz file"},
      {"front missing", good.substr(40), "inconsistent"},
      {"not an array", build_zip({{.name = "m.npy", .plain = "hello"}}), "member 'm.npy' is not an .npy array"},
      {"empty member", build_zip({{.name = "m.npy", .plain = ""}}), "member 'm.npy' is empty"},
      {"folder", build_zip({{.name = "m/", .plain = ""}}), "is empty"},
      {"wrong CRC, stored", build_zip({changed([](ZipMember& m) { m.crc = 1; })}), "member 'm.npy' is damaged"},
      {"wrong CRC, deflated", build_zip({changed([](ZipMember& m) { m.crc = 1; }, true)}), "member 'm.npy' is damaged"},
      {"values short", build_zip({{.name = "m.npy", .plain = wrong_count}}), "needs 20 bytes of values, but 16"},
      {"values short, deflated", build_zip({{.name = "m.npy", .plain = wrong_count, .deflate = true}}),
       "needs 20 bytes"},
      {"declares more", build_zip({changed([](ZipMember& m) { m.size = 145; }, true)}), "m.npy"},
      {"declares less", build_zip({changed([](ZipMember& m) { m.size = 143; }, true)}), "m.npy"},
      {"sizes differ", build_zip({changed([](ZipMember& m) { m.size = 145; })}), "two sizes differ"},
      {"beyond the file", build_zip({changed([](ZipMember& m) { m.size = m.stored_size = 4'000'000; })}), "whole file"},
      {"bomb", build_zip({changed([](ZipMember& m) { m.size = 0xfffffff0; }, true)}), "more than deflate can"},
      {"method 12", build_zip({changed([](ZipMember& m) { m.method = 12; })}), "compression method 12"},
      {"encrypted", build_zip({changed([](ZipMember& m) { m.flags = 1; })}), "encrypted"},
      {"overlap", build_zip({small("a.npy"), changed([](ZipMember& m) { m.offset = 0; })}), "overlaps member 'a.npy'"},
      {"same name", build_zip({small("a.npy"), small("a.npy")}), "two members are called 'a'"},
      {"same name but for .npy", build_zip({small("a.npy"), small("a")}), "two members are called 'a'"},
      {"parent", build_zip({small("../a.npy")}), "'..' part"},
      {"parent inside", build_zip({small("a/../../b.npy")}), "'..' part"},
      {"absolute", build_zip({small("/etc/a.npy")}), "absolute path"},
      {"backslash", build_zip({small("..\\a.npy")}), "backslash"},
      {"control character", build_zip({small("a\nb.npy")}), "control character"},
      {"no name", build_zip({small(".npy")}), "empty name"},
  };
  const TempFolder folder;
  for (const auto& [title, bytes, message] : cases) {
    try {
      read_npz(folder.put("hostile.npz", bytes));
      ADD_FAILURE() << title << " was accepted";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr(message)) << title;
      EXPECT_THAT(error.what(), ::testing::HasSubstr("hostile.npz")) << title;
    }
  }
}

// Large archives are read by several threads; which member is blamed must not depend on them.
TEST(Npz, ManyThreadsGiveTheSameArraysAndTheSameError) {
  const TempFolder folder;
  NamedArrays arrays;
  std::vector<ZipMember> members;
  std::byte* bytes = nullptr;
  for (int i = 0; i < 12; ++i) {
    Array& array = arrays["m" + std::to_string(i)];
    array = allocate_array(Dtype::kF32, {512, 512 + i}, &bytes);
    std::fill_n(bytes, array.bytes(), static_cast<std::byte>(i));
    members.push_back({.name = "m" + std::to_string(i) + ".npy", .plain = npy_bytes(array)});
  }
  expect_same(read_npz(folder.put("x.npz", build_zip(members))), arrays);
  members[3].crc = members[4].crc = members[11].crc = 0;
  folder.put("x.npz", build_zip(members));
  for (int run = 0; run < 5; ++run) {
    try {
      read_npz(folder / "x.npz");
      ADD_FAILURE() << "damaged members were accepted";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr("member 'm3.npy' is damaged"));
    }
  }
}

TEST(Npz, RefusesAMissingFileAndAFolder) {
  const TempFolder folder;
  EXPECT_THROW(read_npz(folder / "absent.npz"), Error);
  EXPECT_THROW(read_npz(folder / ""), Error);
}

TEST(Npz, RefusesToWriteBadNames) {
  const TempFolder folder;
  for (const std::string name : {"", "/a", "../a", "a/..", "a\\b", "a\tb"}) {
    EXPECT_THROW(write_npz(folder / "x.npz", {{name, random_array(Dtype::kU8, {1}, 1)}}), Error) << name;
    EXPECT_FALSE(std::filesystem::exists(folder / "x.npz"));
  }
  EXPECT_THROW(write_npz(folder / "absent/x.npz", {{"a", random_array(Dtype::kU8, {1}, 1)}}), Error);
}

TEST(Npz, EveryTruncationIsRefused) {
  const TempFolder folder;
  const std::string whole = build_zip({small("a.npy"), small("b.npy", true)});
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_THROW(read_npz(folder.put("x.npz", whole.substr(0, size))), Error) << size;
}

// No flipped bit may change a value unnoticed: an archive is refused, or its arrays are whole (a name may have
// changed).
TEST(Npz, NoFlippedBitChangesAValue) {
  const TempFolder folder;
  const ZipMember stored = small("a.npy"), packed = small("b.npy", true);
  const std::string whole = build_zip({stored, packed});
  const Array wanted = read_npz(folder.put("x.npz", whole)).at("a");
  const std::size_t values_begin = whole.find(stored.plain) + stored.plain.size() - wanted.bytes();
  int refused = 0;
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    try {
      const NamedArrays arrays = read_npz(folder.put("x.npz", flipped));
      EXPECT_EQ(arrays.size(), 2u) << bit;
      for (const auto& [name, array] : arrays) expect_same(array, wanted, name + ", bit " + std::to_string(bit));
      EXPECT_FALSE(bit / 8 >= values_begin && bit / 8 < values_begin + wanted.bytes()) << bit;
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, static_cast<int>(8 * stored.plain.size()));
}

}  // namespace
}  // namespace trecvit
