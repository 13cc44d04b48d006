#include "runtime/transfer.h"

#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <cstring>

#include "core/error.h"
#include "core/log.h"
#include "data/loader/augmentation.h"
#include "data/loader/packed_planes.h"
#include "ops/planes_to_rgb.h"

namespace trecvit {
namespace {

c10::Stream current_stream(at::Device device) { return c10::impl::VirtualGuardImpl(device.type()).getStream(device); }

}  // namespace

bool takes_planes(const DataConfig& data, at::Device device) {
  if (data.convert == "gpu" && !device.is_cuda()) {
    throw UsageError("data.convert is gpu, but the device is ", device.str(), "; it must be auto or cpu there");
  }
  return data.convert != "cpu" && device.is_cuda();
}

bool takes_planes(const DataConfig& data, at::Device device, const AugmentConfig& augment) {
  if (!takes_planes(data, device)) return false;
  if (!changes_pixels(augment)) return true;
  log_info(
      "frames become RGB on the CPU, whatever data.convert says, for augment changes their colours or erases there");
  return false;
}

Upload::Upload(at::Device device) : device_(device) {
  if (!device.is_cpu()) {
    stream_ = c10::impl::VirtualGuardImpl(device.type()).getStreamFromGlobalPool(device, /*isHighPriority=*/false);
  }
}

// Memory that the stream of its own writes must not be what work on another may still read: hence from that stream's
// pool.
void Upload::reserve(Buffer& buffer, std::int64_t bytes) const {
  if (buffer.host.defined() && buffer.host.numel() >= bytes) return;
  const std::int64_t size = bytes + bytes / 8;  // planes of the next batch may be a little larger
  const auto kind = at::TensorOptions().dtype(at::kByte);
  buffer.host = at::empty({size}, kind.pinned_memory(stream_.has_value()));
  buffer.device = stream_ ? at::empty({size}, kind.device(device_)) : buffer.host;
}

at::Tensor Upload::operator()(ClipBatch& batch) {
  const std::vector<std::int64_t> shape = {batch.frames, batch.clips, batch.height, batch.width, 3};
  const bool planes = !batch.planes.empty();
  if (!stream_ && !planes) return at::from_blob(batch.video.data(), shape, at::kByte);
  const PackedPlanes packed = planes ? packed_size(batch) : PackedPlanes{.bytes = batch.video.size()};
  const auto bytes = static_cast<std::int64_t>(packed.bytes);
  Buffer& buffer = buffers_[next_];
  next_ = 1 - next_;
  const c10::Stream computing = current_stream(device_);
  const c10::OptionalStreamGuard guard(stream_);
  reserve(buffer, bytes);
  auto* host = buffer.host.data_ptr<std::uint8_t>();
  if (planes) {
    pack(batch, host);
  } else {
    std::memcpy(host, batch.video.data(), batch.video.size());
  }
  const at::Tensor device = buffer.device.narrow(0, 0, bytes);
  if (stream_) device.copy_(buffer.host.narrow(0, 0, bytes), /*non_blocking=*/true);
  at::Tensor pixels = device;
  if (planes) {
    if (!buffer.pixels.defined() || buffer.pixels.sizes() != shape) buffer.pixels = at::empty(shape, device.options());
    pixels = buffer.pixels;
    const auto samples_at = static_cast<std::int64_t>(packed.pictures_bytes);
    const auto described = batch.frames * batch.clips * static_cast<std::int64_t>(sizeof(kernels::ConvertPicture));
    ops::convert(device.narrow(0, 0, described), device.narrow(0, samples_at, bytes - samples_at),
                 pixels.flatten(0, 1));
  }
  if (stream_) {
    c10::Event ready(device_.type());
    ready.record(*stream_);
    ready.block(computing);
  }
  return pixels.view(shape);
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
