// Named arrays and text metadata in a .safetensors file: 8 bytes of header length, a JSON header, raw values.
// Format: github.com/huggingface/safetensors, README "Format" and safetensors/src/tensor.rs.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "core/array.h"

namespace trecvit {

struct Safetensors {
  std::map<std::string, std::string> metadata;  // the header's "__metadata__"
  NamedArrays arrays;
};

// Maps the file; arrays alias the mapping where aligned (always, in files of ours), so the file must not be changed
// while they are in use. Nothing but the header is read. Checks what the official reader checks. Error, naming file and
// array: a header that is cut off, over 100 MB, not JSON, or not of the official layout; a key given twice; an
// unsupported dtype; a shape that does not take exactly its byte range; ranges that overlap, leave holes or do not end
// with the file; a path trick as a name.
Safetensors read_safetensors(const std::filesystem::path& path);

// Values start at a multiple of 8 bytes and are ordered by falling dtype size, then name, so that all are aligned. The
// same arrays and metadata always give the same bytes. Appears at `path` complete or not at all. Error: a name that
// read_safetensors() would refuse, text that is not UTF-8, a full disk.
void write_safetensors(const std::filesystem::path& path, const NamedArrays& arrays,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace trecvit
