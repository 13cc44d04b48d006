#include "formats/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "core/error.h"
#include "core/file.h"
#include "sample_arrays.h"
#include "temp_files.h"
#include "zip_builder.h"

namespace trecvit {
namespace {

using namespace std::string_literals;

std::string file_of(const std::string& header, const std::string& values) {
  return little_endian(header.size(), 8) + header + values;
}

std::string entry(const std::string& name, const std::string& shape, const std::string& range,
                  const std::string& dtype = "U8") {
  return '"' + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + range + '}';
}

TEST(Safetensors, RoundTripIsBitIdenticalForEveryDtype) {
  const TempFolder folder;
  const NamedArrays arrays = sample_arrays();
  const std::map<std::string, std::string> metadata{{"labels", "a\nb \"quoted\" \\ \u00e9"}, {"", ""}};
  write_safetensors(folder / "x.safetensors", arrays, metadata);
  const Safetensors read = read_safetensors(folder / "x.safetensors");
  expect_same(read.arrays, arrays);
  EXPECT_EQ(read.metadata, metadata);
}

TEST(Safetensors, WritesExactlyTheseBytes) {
  const TempFolder folder;
  std::byte* bytes = nullptr;
  NamedArrays arrays;
  arrays["small"] = allocate_array(Dtype::kU8, {3}, &bytes);
  for (int i = 0; i < 3; ++i) bytes[i] = static_cast<std::byte>('x' + i);
  arrays["wide"] = make_array({1.0f}, {1, 1});
  write_safetensors(folder / "x.safetensors", arrays, {{"k", "v"}});
  std::string header = R"({"__metadata__":{"k":"v"},"wide":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},)"
                       R"("small":{"dtype":"U8","shape":[3],"data_offsets":[4,7]}})";
  while (header.size() % 8 != 0) header += ' ';
  EXPECT_EQ(read_file(folder / "x.safetensors"), file_of(header, "\0\0\x80?xyz"s));
}

TEST(Safetensors, NoArraysAndNoMetadata) {
  const TempFolder folder;
  write_safetensors(folder / "x.safetensors", {});
  EXPECT_EQ(read_file(folder / "x.safetensors"), file_of("{}      ", ""));
  const Safetensors read = read_safetensors(folder / "x.safetensors");
  EXPECT_TRUE(read.arrays.empty());
  EXPECT_TRUE(read.metadata.empty());
}

TEST(Safetensors, ReadsUnalignedValuesAndAnyOrderOfEntries) {
  const TempFolder folder;
  const std::string header = "{" + entry("late", "[1]", "[3,7]", "F32") + "," + entry("empty", "[0]", "[3,3]") + "," +
                             entry("first", "[3]", "[0,3]") + "}";
  const Safetensors read = read_safetensors(folder.put("x.safetensors", file_of(header, "abc\0\0\x80?"s)));
  EXPECT_EQ(to_f32(read.arrays.at("late")), std::vector<float>{1});
  EXPECT_EQ(to_f32(read.arrays.at("first")), (std::vector<float>{'a', 'b', 'c'}));
  EXPECT_EQ(read.arrays.at("empty").count(), 0);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(read.arrays.at("late").data.get()) % 4, 0u);
}

TEST(Safetensors, RefusesHostileAndBrokenFiles) {
  const std::string good = entry("a", "[2]", "[0,2]");
  auto with = [](const std::string& entries, const std::string& values = "ab") {
    return file_of("{" + entries + "}", values);
  };
  std::string many;
  for (int i = 0; i < 65; ++i) many += i ? ",1" : "1";
  const std::tuple<std::string, std::string, std::string> cases[] = {
      {"empty file", "", "too short"},
      {"seven bytes", "1234567", "too short"},
      {"header cut off", with(good).substr(0, 20), "cut off"},
      {"header beyond the file", little_endian(1000, 8) + "{}", "cut off"},
      {"header over the limit", little_endian(100'000'001, 8) + "{}", "100 MB"},
      {"header of 2^64-1", little_endian(~0ull, 8) + "{}", "100 MB"},
      {"empty header", little_endian(0, 8), "not a JSON object"},
      {"a list", file_of("[]", ""), "not a JSON object"},
      {"leading space", file_of(" {}", ""), "not a JSON object"},
      {"not JSON", file_of("{a:1}", ""), "not valid JSON"},
      {"unfinished JSON", file_of("{\"a\":{", ""), "not valid JSON"},
      {"text behind the JSON", file_of("{}x", ""), "not valid JSON"},
      {"not UTF-8", with(entry("\xff", "[2]", "[0,2]")), "not valid JSON"},
      {"values cut off", with(good, "a"), "claims bytes 0 to 2 of 1"},
      {"values left over", with(good, "abc"), "1 bytes at the end belong to no array"},
      {"range backwards", with(entry("a", "[2]", "[2,0]")), "claims bytes 2 to 0"},
      {"hole in front", with(entry("a", "[1]", "[1,2]")), "leaves a hole"},
      {"hole between", with(entry("a", "[1]", "[0,1]") + "," + entry("b", "[1]", "[2,3]"), "abc"), "leaves a hole"},
      {"overlap", with(entry("a", "[2]", "[0,2]") + "," + entry("b", "[2]", "[1,3]"), "abc"), "overlaps"},
      {"same range twice", with(good + "," + entry("b", "[2]", "[0,2]")), "overlaps"},
      {"shape too small", with(entry("a", "[1]", "[0,2]")), "needs 1 bytes, but claims 2"},
      {"shape too big", with(entry("a", "[3]", "[0,2]")), "needs 3 bytes, but claims 2"},
      {"product overflows", with(entry("a", "[4294967296,4294967296]", "[0,2]")), "more bytes than any file"},
      {"overflow to the right size", with(entry("a", "[9223372036854775807,2]", "[0,2]", "U16")), "more bytes"},
      {"zero hides overflow", with(entry("a", "[9223372036854775807,3,0]", "[0,0]"), ""), "more bytes"},
      {"size beyond 63 bits", with(entry("a", "[9223372036854775808]", "[0,2]")), "beyond any file"},
      {"size beyond 64 bits", with(entry("a", "[99999999999999999999]", "[0,2]")), "99999999999999999999"},
      {"negative size", with(entry("a", "[-2]", "[0,2]")), "the number -2"},
      {"fractional size", with(entry("a", "[2.0]", "[0,2]")), "the number 2.0"},
      {"65 dimensions", with(entry("a", "[" + many + "]", "[0,1]"), "a"), "more than 64"},
      {"nested shape", with(entry("a", "[[2]]", "[0,2]")), "a list"},
      {"three offsets", with(entry("a", "[2]", "[0,1,2]")), "not [begin, end]"},
      {"one offset", with(entry("a", "[2]", "[0]")), "not [begin, end]"},
      {"unknown dtype", with(entry("a", "[2]", "[0,2]", "F8_E4M3")), "dtype 'F8_E4M3'"},
      {"dtype is a number", with(R"("a":{"dtype":1,"shape":[2],"data_offsets":[0,2]})"), "the number 1"},
      {"dtype is a list", with(R"("a":{"dtype":["U8"],"shape":[2],"data_offsets":[0,2]})"), "a list"},
      {"shape is null", with(entry("a", "null", "[0,2]")), "null"},
      {"shape is true", with(entry("a", "true", "[0,2]")), "true or false"},
      {"shape is text", with(entry("a", "\"2\"", "[0,2]")), "a text"},
      {"shape missing", with(R"("a":{"dtype":"U8","data_offsets":[0,2]})"), "lacks one of"},
      {"unknown key", with(R"("a":{"dtype":"U8","shape":[2],"data_offsets":[0,2],"x":1})"), "unknown key 'x'"},
      {"key twice", with(R"("a":{"dtype":"U8","dtype":"U8","shape":[2],"data_offsets":[0,2]})"), "'dtype' twice"},
      {"name twice", with(good + "," + good), "'a' twice"},
      {"array is a number", with("\"a\":1"), "the number 1"},
      {"array is a list", with("\"a\":[]"), "a list"},
      {"metadata of numbers", with("\"__metadata__\":{\"k\":1}," + good), "the number 1"},
      {"metadata of objects", with("\"__metadata__\":{\"k\":{}}," + good), "an object"},
      {"metadata is text", with("\"__metadata__\":\"k\"," + good), "a text"},
      {"metadata twice", with("\"__metadata__\":{},\"__metadata__\":{}," + good), "'__metadata__' twice"},
      {"metadata key twice", with(R"("__metadata__":{"k":"v","k":"v"},)" + good), "'k' twice"},
      {"deep nesting", with("\"a\":" + std::string(100'000, '[')), "a list"},
      {"deep objects", with("\"a\":{\"dtype\":{\"b\":{"), "an object"},
      {"parent", with(entry("../a", "[2]", "[0,2]")), "'..' part"},
      {"absolute", with(entry("/a", "[2]", "[0,2]")), "absolute path"},
      {"NUL in a name", with(entry("a\\u0000b", "[2]", "[0,2]")), "control character"},
      {"no name", with(entry("", "[2]", "[0,2]")), "empty name"},
  };
  const TempFolder folder;
  for (const auto& [title, bytes, message] : cases) {
    try {
      read_safetensors(folder.put("hostile.safetensors", bytes));
      ADD_FAILURE() << title << " was accepted";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr(message)) << title;
      EXPECT_THAT(error.what(), ::testing::HasSubstr("hostile.safetensors")) << title;
    }
  }
}

TEST(Safetensors, RefusesToWriteWhatItWouldNotRead) {
  const TempFolder folder;
  const Array array = random_array(Dtype::kU8, {1}, 1);
  for (const std::string name : {"", "/a", "../a", "a\nb", "\xff", "__metadata__"}) {
    EXPECT_THROW(write_safetensors(folder / "x", {{name, array}}), Error) << name;
    EXPECT_FALSE(std::filesystem::exists(folder / "x"));
  }
  EXPECT_THROW(write_safetensors(folder / "x", {{"a", array}}, {{"k", "\xff"}}), Error);
  EXPECT_THROW(write_safetensors(folder / "absent/x", {{"a", array}}), Error);
}

TEST(Safetensors, EveryTruncationIsRefused) {
  const TempFolder folder;
  write_safetensors(folder / "x", {{"a", random_array(Dtype::kF32, {3}, 1)}}, {{"k", "v"}});
  const std::string whole = read_file(folder / "x");
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_THROW(read_safetensors(folder.put("y", whole.substr(0, size))), Error) << size;
}

// Whatever a flipped bit does to the header, the arrays that come out cover the values exactly.
TEST(Safetensors, FlippedHeaderBitsAreRefusedOrHarmless) {
  const TempFolder folder;
  write_safetensors(folder / "x", {{"a", random_array(Dtype::kF32, {3}, 1)}, {"b", random_array(Dtype::kU8, {5}, 2)}});
  const std::string whole = read_file(folder / "x");
  const std::size_t header_end = whole.size() - 17;
  for (std::size_t bit = 0; bit < header_end * 8; ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    try {
      const Safetensors read = read_safetensors(folder.put("y", flipped));
      std::size_t total = 0;
      for (const auto& [name, array] : read.arrays) total += array.bytes();
      EXPECT_EQ(total, 17u) << bit;
    } catch (const Error&) {
    }
  }
}

}  // namespace
}  // namespace trecvit
