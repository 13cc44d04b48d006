#include "formats/safetensors_header.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "formats/checks.h"

namespace trecvit {
namespace {

constexpr const char* kMetadata = "__metadata__";

struct DtypeWord {
  const char* word;
  Dtype dtype;
};
constexpr DtypeWord kWords[] = {
    {"BOOL", Dtype::kBool}, {"U8", Dtype::kU8},   {"I8", Dtype::kI8},   {"U16", Dtype::kU16}, {"I16", Dtype::kI16},
    {"U32", Dtype::kU32},   {"I32", Dtype::kI32}, {"U64", Dtype::kU64}, {"I64", Dtype::kI64}, {"F16", Dtype::kF16},
    {"BF16", Dtype::kBF16}, {"F32", Dtype::kF32}, {"F64", Dtype::kF64}};

// Takes the JSON event by event, so that a key given twice is seen and nesting never goes deeper than the format's own.
class HeaderHandler : public nlohmann::json_sax<nlohmann::json> {
 public:
  HeaderHandler(SafetensorsHeader& header, const std::string& origin) : header_(header), origin_(origin) {}

  bool null() override { return unexpected("null"); }
  bool boolean(bool) override { return unexpected("true or false"); }
  bool number_float(double, const std::string& digits) override { return unexpected("the number " + digits); }
  bool number_integer(std::int64_t value) override { return unexpected(text("the number ", value)); }
  bool binary(nlohmann::json::binary_t&) override { return unexpected("binary data"); }

  bool number_unsigned(std::uint64_t value) override {
    if (place_ != Place::kShape && place_ != Place::kOffsets) return unexpected(text("the number ", value));
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      fail(text("holds the number ", value, ", beyond any file"));
    constexpr std::size_t kMostDimensions = 64;
    if (numbers_.size() == kMostDimensions) fail("has a list of more than 64 numbers");
    numbers_.push_back(value);
    return true;
  }

  bool string(std::string& value) override {
    if (place_ == Place::kMetadata) {
      header_.metadata[key_] = value;
      return true;
    }
    if (place_ != Place::kEntry || key_ != "dtype") return unexpected("a text");
    for (const DtypeWord& entry : kWords) {
      if (value != entry.word) continue;
      header_.entries[name_].dtype = entry.dtype;
      return true;
    }
    fail("has the dtype '" + printable(value) + "'; BOOL, U8..U64, I8..I64, F16, BF16, F32 and F64 are supported");
  }

  bool start_object(std::size_t) override {
    if (place_ == Place::kOutside) {
      place_ = Place::kTop;
    } else if (place_ == Place::kTop) {
      place_ = key_ == kMetadata ? Place::kMetadata : Place::kEntry;
      name_ = key_;
      seen_.clear();
    } else {
      return unexpected("an object");
    }
    return true;
  }

  bool key(std::string& value) override {
    key_ = value;
    bool fresh = true;
    if (place_ == Place::kTop) {
      fresh = value == kMetadata ? !metadata_seen_ : header_.entries.try_emplace(value).second;
      metadata_seen_ |= value == kMetadata;
    } else if (place_ == Place::kMetadata) {
      fresh = header_.metadata.try_emplace(value).second;
    } else {
      if (value != "dtype" && value != "shape" && value != "data_offsets")
        fail("has the unknown key '" + printable(value) + "'");
      for (const std::string& before : seen_) fresh = fresh && before != value;
      seen_.push_back(value);
    }
    if (!fresh) throw Error(origin_, ": the header has the key '", printable(value), "' twice");
    return true;
  }

  bool end_object() override {
    if (place_ == Place::kEntry && seen_.size() != 3) fail("lacks one of dtype, shape and data_offsets");
    place_ = place_ == Place::kTop ? Place::kOutside : Place::kTop;
    return true;
  }

  bool start_array(std::size_t) override {
    if (place_ != Place::kEntry || key_ == "dtype") return unexpected("a list");
    place_ = key_ == "shape" ? Place::kShape : Place::kOffsets;
    numbers_.clear();
    return true;
  }

  bool end_array() override {
    SafetensorsHeader::Entry& entry = header_.entries[name_];
    if (place_ == Place::kShape) {
      entry.shape.assign(numbers_.begin(), numbers_.end());
    } else {
      if (numbers_.size() != 2) fail("has data_offsets that are not [begin, end]");
      entry.begin = numbers_[0];
      entry.end = numbers_[1];
    }
    place_ = Place::kEntry;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    throw Error(origin_, ": the header is not valid JSON from its byte ", position, " on");
  }

 private:
  enum class Place { kOutside, kTop, kMetadata, kEntry, kShape, kOffsets };

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(origin_, ": the array '", printable(name_), "' ", what);
  }
  bool unexpected(const std::string& what) const {
    throw Error(origin_, ": the header has ", what, " at '", printable(key_), "', where the format has none");
  }

  SafetensorsHeader& header_;
  const std::string& origin_;
  Place place_ = Place::kOutside;
  std::string key_, name_;
  std::vector<std::string> seen_;  // keys of the entry being read
  std::vector<std::uint64_t> numbers_;
  bool metadata_seen_ = false;
};

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view json, const std::string& origin) {
  if (!json.starts_with('{')) throw Error(origin, ": the header is not a JSON object; is this a .safetensors file?");
  SafetensorsHeader header;
  HeaderHandler handler(header, origin);
  nlohmann::json::sax_parse(json.begin(), json.end(), &handler);
  return header;
}

const char* safetensors_dtype(Dtype dtype) {
  for (const DtypeWord& entry : kWords) {
    if (entry.dtype == dtype) return entry.word;
  }
  throw InternalError("safetensors has no word for dtype ", static_cast<int>(dtype));
}

}  // namespace trecvit
