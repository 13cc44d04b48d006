#include "train/transfer.h"

#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <cstring>

#include "infer/device.h"

namespace trecvit {
namespace {

c10::Stream current_stream(at::Device device) { return c10::impl::VirtualGuardImpl(device.type()).getStream(device); }

}  // namespace

Upload::Upload(at::Device device) : device_(device) {
  if (!device.is_cpu()) {
    stream_ = c10::impl::VirtualGuardImpl(device.type()).getStreamFromGlobalPool(device, /*isHighPriority=*/false);
  }
}

at::Tensor Upload::operator()(ClipBatch& batch) {
  if (!stream_) {
    return video_tensor(batch.video.data(), batch.frames, batch.clips, batch.height, batch.width, device_);
  }
  Buffer& buffer = buffers_[next_];
  next_ = 1 - next_;
  const auto bytes = static_cast<std::int64_t>(batch.video.size());
  if (!buffer.host.defined() || buffer.host.numel() < bytes) {
    buffer.host = at::empty({bytes}, at::TensorOptions().dtype(at::kByte).pinned_memory(true));
    buffer.device = at::empty({bytes}, at::TensorOptions().dtype(at::kByte).device(device_));
  }
  std::memcpy(buffer.host.data_ptr(), batch.video.data(), batch.video.size());
  const at::Tensor device = buffer.device.narrow(0, 0, bytes);
  {
    const c10::StreamGuard guard(*stream_);
    device.copy_(buffer.host.narrow(0, 0, bytes), /*non_blocking=*/true);
  }
  c10::Event copied(device_.type());
  copied.record(*stream_);
  copied.block(current_stream(device_));
  return device.view({batch.frames, batch.clips, batch.height, batch.width, 3});
}

void Readback::send(const at::Tensor& first, const at::Tensor& second) {
  const at::NoGradGuard no_grad;
  const bool cpu = first.is_cpu();
  if (!host_.defined()) host_ = at::empty({2}, at::TensorOptions().dtype(at::kFloat).pinned_memory(!cpu));
  host_[0].copy_(first.reshape(at::IntArrayRef{}), /*non_blocking=*/true);
  host_[1].copy_(second.reshape(at::IntArrayRef{}), /*non_blocking=*/true);
  if (cpu) return;
  arrived_.emplace(first.device().type());
  arrived_->record(current_stream(first.device()));
}

std::pair<double, double> Readback::wait() {
  if (arrived_) arrived_->synchronize();
  return {host_[0].item<double>(), host_[1].item<double>()};
}

}  // namespace trecvit
