// The planes of a whole batch in one piece of memory, as a device wants them: first what is to be done, then the
// samples.
#pragma once

#include <cstddef>
#include <cstdint>

#include "data/loader/loader.h"

namespace trecvit {

// kernels::ConvertPicture [T, B], then the samples of all videos, to whose beginning the pictures refer.
struct PackedPlanes {
  std::size_t pictures_bytes = 0;  // where the samples begin
  std::size_t bytes = 0;           // of all
};
PackedPlanes packed_size(const ClipBatch& batch);

// `to`: packed_size().bytes bytes, 8-byte aligned.
void pack(const ClipBatch& batch, std::uint8_t* to);

}  // namespace trecvit
