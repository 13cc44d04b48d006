#include "formats/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "core/error.h"
#include "sample_arrays.h"
#include "temp_files.h"
#include "zip_builder.h"

namespace trecvit {
namespace {

using namespace std::string_literals;

std::span<const std::byte> as_bytes(const std::string& text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

// An .npy file of any version around a dict.
std::string npy(const std::string& dict, const std::string& values, int major = 1) {
  return "\x93NUMPY" + std::string{static_cast<char>(major), '\0'} + little_endian(dict.size(), major == 1 ? 2 : 4) +
         dict + values;
}

std::string plain_dict(const std::string& descr, const std::string& shape, const std::string& order = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }";
}

template <class T>
std::vector<T> values_of(const Array& array) {
  return {array.as<T>(), array.as<T>() + array.count()};
}

TEST(Npy, RoundTripIsBitIdenticalForEveryDtype) {
  const TempFolder folder;
  for (const auto& [name, array] : sample_arrays()) {
    write_npy(folder / "x.npy", array);
    expect_same(read_npy(folder / "x.npy"), array, name);
  }
}

TEST(Npy, WritesTheBytesThatNumpyWrites) {
  const std::string dict = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }";
  const std::string wanted = "\x93NUMPY\1\0v\0"s + dict + std::string(128 - 10 - dict.size() - 1, ' ') + "\n";
  EXPECT_EQ(npy_header(random_array(Dtype::kF32, {3, 4}, 1)), wanted);
}

TEST(Npy, ReadsEveryVersion) {
  for (const int major : {1, 2, 3}) {
    const Array array = parse_npy(as_bytes(npy(plain_dict("<i2", "(2,)"), "\1\0\2\1"s, major)), "x");
    EXPECT_EQ(values_of<std::int16_t>(array), (std::vector<std::int16_t>{1, 258})) << major;
  }
}

TEST(Npy, ReadsEverySpellingOfADtype) {
  const std::pair<const char*, Dtype> spellings[] = {
      {"|b1", Dtype::kBool}, {"|u1", Dtype::kU8},  {"<u1", Dtype::kU8},  {"|i1", Dtype::kI8},
      {"<u2", Dtype::kU16},  {"<i2", Dtype::kI16}, {"<u4", Dtype::kU32}, {"<i4", Dtype::kI32},
      {"<u8", Dtype::kU64},  {"<i8", Dtype::kI64}, {"<f2", Dtype::kF16}, {"|V2", Dtype::kBF16},
      {"<V2", Dtype::kBF16}, {"<f4", Dtype::kF32}, {"=f4", Dtype::kF32}, {"<f8", Dtype::kF64}};
  for (const auto& [word, dtype] : spellings) {
    const std::string bytes = npy(plain_dict(word, "(1,)"), std::string(dtype_size(dtype), '\1'));
    EXPECT_EQ(parse_npy(as_bytes(bytes), "x").dtype, dtype) << word;
  }
}

TEST(Npy, KeysMayStandInAnyOrderAndQuotesMayBeDouble) {
  const std::string dict = "{ \"shape\" :( 2 ,1), \"descr\":\"|u1\",'fortran_order':False}   \n";
  EXPECT_EQ(parse_npy(as_bytes(npy(dict, "ab")), "x").shape, (std::vector<std::int64_t>{2, 1}));
}

TEST(Npy, FortranOrderBecomesCOrder) {
  // [[1, 2, 3], [4, 5, 6]] lies in the file column by column.
  const Array matrix = parse_npy(as_bytes(npy(plain_dict("|u1", "(2, 3)", "True"), "\1\4\2\5\3\6"s)), "x");
  EXPECT_EQ(values_of<std::uint8_t>(matrix), (std::vector<std::uint8_t>{1, 2, 3, 4, 5, 6}));

  // In 3-D, value (i, j, k) of shape [2, 3, 4] lies at i + 2 j + 6 k.
  for (const std::string descr : {"<u2", "<u4", "<u8"}) {
    const int size = descr[2] - '0';
    std::string values;
    for (int at = 0; at < 24; ++at) values += little_endian(at, size);
    const Array cube = parse_npy(as_bytes(npy(plain_dict(descr, "(2, 3, 4)", "True"), values)), "x");
    const std::vector<float> got = to_f32(cube);
    for (int i = 0; i < 2; ++i) {
      for (int j = 0; j < 3; ++j) {
        for (int k = 0; k < 4; ++k) EXPECT_EQ(got[(i * 3 + j) * 4 + k], i + 2 * j + 6 * k) << descr;
      }
    }
  }
}

TEST(Npy, BigEndianIsSwapped) {
  const Array array = parse_npy(as_bytes(npy(plain_dict(">f4", "(2,)"), "\x3f\x80\0\0\xc0\0\0\0"s)), "x");
  EXPECT_EQ(values_of<float>(array), (std::vector<float>{1, -2}));
  const Array both = parse_npy(as_bytes(npy(plain_dict(">u2", "(2, 2)", "True"), "\0\1\0\3\0\2\0\4"s)), "x");
  EXPECT_EQ(values_of<std::uint16_t>(both), (std::vector<std::uint16_t>{1, 2, 3, 4}));
}

TEST(Npy, AliasesItsOwnerOnlyWhereAligned) {
  alignas(8) static const std::byte storage[64] = {};
  const std::shared_ptr<const std::byte> owner(storage, [](const std::byte*) {});
  const NpyHeader header{.dtype = Dtype::kF32, .shape = {2}, .data_bytes = 8};
  EXPECT_EQ(npy_values(header, {storage + 4, 8}, "x", owner).data.get(), storage + 4);
  EXPECT_NE(npy_values(header, {storage + 2, 8}, "x", owner).data.get(), storage + 2);
  EXPECT_NE(npy_values(header, {storage + 4, 8}, "x").data.get(), storage + 4);
}

TEST(Npy, RefusesBrokenHeaders) {
  const std::string good = plain_dict("|u1", "(2,)");
  std::string ones = "(";
  for (int i = 0; i < 65; ++i) ones += "1, ";
  const std::tuple<std::string, std::string, std::string> cases[] = {
      {"empty", "", "does not start with"},
      {"another magic", "\x93NUMPX" + npy(good, "ab").substr(6), "does not start with"},
      {"cut in the length", npy(good, "ab").substr(0, 9), "cut off"},
      {"cut in the dict", npy(good, "").substr(0, 30), "cut off"},
      {"version 4", npy(good, "ab", 4), "version 4.0"},
      {"version 0", npy(good, "ab", 0), "version 0.0"},
      {"version 1.1", "\x93NUMPY\1\1"s + npy(good, "ab").substr(8), "version 1.1"},
      {"huge header", "\x93NUMPY\2\0\xff\xff\xff\xff"s + good, "claims 4294967295 bytes"},
      {"too few values", npy(good, "a"), "needs 2 bytes of values, but 1"},
      {"too many values", npy(good, "abc"), "needs 2 bytes of values, but 3"},
      {"not a dict", npy("('descr', 1)", ""), "'{' expected"},
      {"never closed", npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2,)", "ab"), "'}' expected"},
      {"text behind", npy(good + "import os", "ab"), "text behind"},
      {"unknown key", npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2,), 'x': 1}", "ab"), "unknown key 'x'"},
      {"key twice", npy("{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (2,)}", "ab"), "twice"},
      {"key missing", npy("{'descr': '|u1', 'shape': (2,)}", "ab"), "lacks one of"},
      {"no quotes", npy("{descr: '|u1', 'fortran_order': False, 'shape': (2,)}", "ab"), "quoted word"},
      {"order is a number", npy(plain_dict("|u1", "(2,)", "0"), "ab"), "neither True nor False"},
      {"shape is a number", npy(plain_dict("|u1", "2"), "ab"), "'(' expected"},
      {"shape is no tuple", npy(plain_dict("|u1", "(2)"), "ab"), "not a tuple"},
      {"shape of words", npy(plain_dict("|u1", "(two,)"), "ab"), "not a tuple of integers"},
      {"shape of floats", npy(plain_dict("|u1", "(2.0,)"), "ab"), "not a tuple"},
      {"negative size", npy(plain_dict("|u1", "(-2,)"), "ab"), "negative"},
      {"size beyond 63 bits", npy(plain_dict("|u1", "(9223372036854775808,)"), "ab"), "beyond 63 bits"},
      {"product overflows", npy(plain_dict("<f4", "(4294967296, 4294967296)"), "ab"), "more bytes than any file"},
      {"product overflows to 0", npy(plain_dict("|u1", "(4294967296, 4294967296, 2)"), ""), "more bytes than any file"},
      {"zero hides overflow", npy(plain_dict("|u1", "(9223372036854775807, 9223372036854775807, 0)"), ""),
       "more bytes"},
      {"65 dimensions", npy(plain_dict("|u1", ones + ")"), "a"), "65 dimensions"},
      {"object dtype", npy(plain_dict("|O", "(2,)"), "ab"), "dtype '|O' is not supported"},
      {"structured", npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}", "ab"), "structured"},
      {"complex", npy(plain_dict("<c8", "(1,)"), "ababcdcd"), "dtype '<c8'"},
      {"text dtype", npy(plain_dict("<U1", "(1,)"), "abcd"), "dtype '<U1'"},
      {"empty dtype", npy(plain_dict("", "(2,)"), "ab"), "dtype ''"},
      {"no byte order", npy(plain_dict("f4", "(1,)"), "abcd"), "dtype 'f4'"},
  };
  for (const auto& [title, bytes, message] : cases) {
    try {
      parse_npy(as_bytes(bytes), "file.npz, member 'm.npy'");
      ADD_FAILURE() << title << " was accepted";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr(message)) << title;
      EXPECT_THAT(error.what(), ::testing::StartsWith("file.npz, member 'm.npy'")) << title;
    }
  }
}

TEST(Npy, EveryTruncationIsRefused) {
  const Array array = random_array(Dtype::kF32, {2, 3}, 1);
  const std::string whole = npy_header(array) + std::string(reinterpret_cast<const char*>(array.data.get()), 24);
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_THROW(parse_npy(as_bytes(whole.substr(0, size)), "x"), Error) << size;
  EXPECT_NO_THROW(parse_npy(as_bytes(whole), "x"));
}

}  // namespace
}  // namespace trecvit
