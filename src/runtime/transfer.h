// Transfers between host and device; neither waits for the other.
#pragma once

#include <torch/torch.h>

#include <optional>

#include "data/loader/loader.h"

namespace trecvit {

// Whether batches for this device are to be planes that it converts itself (LoaderOptions::planes): data.convert.
// UsageError: "gpu" without one.
bool takes_planes(const DataConfig& data, at::Device device);
// The same for training. Where `augment` changes pixels the answer is no, which one line of the log says.
bool takes_planes(const DataConfig& data, at::Device device, const AugmentConfig& augment);

// Pixels to the device. On a GPU through pinned memory and a stream of its own: a batch travels, and planes become
// pixels, while the one before computes. There are two buffers: when a batch is given, the work on the one before the
// last must be done.
class Upload {
 public:
  explicit Upload(at::Device device);
  // [T, B, H, W, 3] uint8, also of a batch of planes. Levels on the CPU are the batch's own memory.
  at::Tensor operator()(ClipBatch& batch);

 private:
  struct Buffer {
    at::Tensor host, device, pixels;
  };
  void reserve(Buffer& buffer, std::int64_t bytes) const;

  at::Device device_;
  std::optional<c10::Stream> stream_;
  Buffer buffers_[2];
  int next_ = 0;
};

// Numbers back to the host: sent when they are enqueued, read when they are wanted.
class Readback {
 public:
  // Two numbers, [] or [1] each, fp32.
  void send(const at::Tensor& first, const at::Tensor& second);
  // Waits until they are there.
  std::pair<double, double> wait();

 private:
  at::Tensor host_;
  std::optional<c10::Event> arrived_;
};

}  // namespace trecvit
