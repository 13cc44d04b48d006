#include "ops/stream_positions.h"

#include "kernels/stream_positions/reference.h"
#include "ops/time_major.h"
#ifdef TRECVIT_TORCH_CUDA
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "kernels/stream_positions/stream_positions_cuda.h"
#endif

namespace trecvit::ops {

using at::Tensor;

StreamPositions clip_positions(std::int64_t frames, std::int64_t rows, at::Device device) {
  const Tensor mask = at::zeros({frames, rows}, at::TensorOptions().dtype(at::kBool).device(device));
  mask.select(0, 0).fill_(true);
  return {.segment_start_mask = mask};
}

StreamPositions advance_streams(Tensor frames_processed, const Tensor& slots, std::int64_t streams,
                                std::int64_t frames, std::int64_t tokens) {
  constexpr const char* kName = "advance_streams";
  if (!frames_processed.defined() || frames_processed.dim() != 1) {
    throw Error(kName, ": frames_processed must be a tensor [S] of int64");
  }
  check_overwritten(kName, "frames_processed", frames_processed, frames_processed.sizes(), at::kLong, frames_processed);
  if (slots.defined()) check_overwritten(kName, "slots", slots, {streams}, at::kLong, frames_processed);
  if (frames < 1 || tokens < 1 || streams < 1 || streams > frames_processed.numel()) {
    throw Error(kName, ": ", frames, " frames of ", streams, " streams of ", tokens, " tokens, in ",
                frames_processed.numel(), " slots");
  }
  const at::NoGradGuard no_grad;
  const StreamPositions positions{
      .slots = slots,
      .frames_before = at::empty({streams}, frames_processed.options()),
      .segment_start_mask = at::empty({frames, streams * tokens}, frames_processed.options().dtype(at::kBool))};
  const kernels::StreamPositionsParams p{.frames = frames,
                                         .streams = streams,
                                         .tokens = tokens,
                                         .slots = data<std::int64_t>(slots),
                                         .frames_processed = data<std::int64_t>(frames_processed),
                                         .frames_before = data<std::int64_t>(positions.frames_before),
                                         .segment_start_mask = data<std::uint8_t>(positions.segment_start_mask)};
#ifdef TRECVIT_TORCH_CUDA
  if (frames_processed.is_cuda()) {
    const c10::cuda::CUDAGuard guard(frames_processed.device());
    kernels::stream_positions_cuda(p, c10::cuda::getCurrentCUDAStream());
    return positions;
  }
#endif
  kernels::reference::stream_positions(p);
  return positions;
}

}  // namespace trecvit::ops
