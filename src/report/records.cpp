#include "report/records.h"

#include "core/file.h"

namespace trecvit {
namespace records {

bool from_field(const RecordJson& json, std::string& field) {
  if (!json.is_string()) return false;
  field = json.get<std::string>();
  return true;
}

bool from_field(const RecordJson& json, bool& field) {
  if (!json.is_boolean()) return false;
  field = json.get<bool>();
  return true;
}

bool from_field(const RecordJson& json, std::int64_t& field) {
  if (json.is_number_unsigned() && json.get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX)) return false;
  if (!json.is_number_integer()) return false;
  field = json.get<std::int64_t>();
  return true;
}

bool from_field(const RecordJson& json, double& field) {
  if (!json.is_number() && !json.is_null()) return false;
  field = json.is_null() ? kNotMeasured : json.get<double>();
  return true;
}

bool from_field(const RecordJson& json, std::vector<double>& field) {
  if (!json.is_array()) return false;
  std::vector<double> values(json.size());
  for (std::size_t i = 0; i < json.size(); ++i) {
    if (!from_field(json[i], values[i])) return false;
  }
  field = std::move(values);
  return true;
}

bool from_field(const RecordJson& json, std::vector<std::string>& field) {
  if (!json.is_array()) return false;
  std::vector<std::string> values(json.size());
  for (std::size_t i = 0; i < json.size(); ++i) {
    if (!from_field(json[i], values[i])) return false;
  }
  field = std::move(values);
  return true;
}

RecordJson parse_object(std::string_view line) {
  RecordJson json = RecordJson::parse(line, nullptr, /*allow_exceptions=*/false);
  return json.is_object() ? json : RecordJson(RecordJson::value_t::discarded);
}

std::string dump(const RecordJson& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, RecordJson::error_handler_t::replace);
}

}  // namespace records

std::string read_records_text(const std::filesystem::path& path) { return read_file(path); }

}  // namespace trecvit
