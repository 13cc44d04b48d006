// Sessions of many clients over one model. Frames that arrive together are answered in one step.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "infer/stream_batch.h"

namespace trecvit {

struct SchedulerOptions {
  std::int64_t slots = 1;   // sessions at most, 1..256
  bool graph = true;        // as in StreamOptions
  double deadline_ms = 2;   // a frame waits so long at most for frames of other sessions
};

struct SessionAnswer {
  std::vector<float> frame_probabilities;  // [classes] of the frame alone
  std::vector<float> mean_probabilities;   // [classes] of the mean over all frames since the start or the last reset
};

class Session;

// Thread-safe; no thread of its own: of the sessions that wait, the first runs the step for all. It must outlive its
// sessions, and the model it.
class Scheduler {
 public:
  // Error: as StreamBatch.
  Scheduler(const Model& model, const SchedulerOptions& options);
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Error: all slots are taken.
  std::unique_ptr<Session> open();
  std::int64_t sessions() const;
  // Steps so far, and frames in them.
  std::int64_t steps() const;
  std::int64_t frames() const;

 private:
  friend class Session;
  struct Frame {
    std::int64_t slot;
    SessionAnswer* answer;
    bool done = false;
    std::exception_ptr failure;
  };
  void run(Frame& frame);
  void step(std::unique_lock<std::mutex>& lock);

  mutable std::mutex mutex_;
  std::condition_variable arrived_, answered_;
  StreamBatch batch_;
  std::chrono::duration<double, std::milli> deadline_;
  std::vector<Frame*> waiting_;
  bool stepping_ = false;  // a session runs a step, or gathers frames for one
  std::int64_t steps_ = 0, frames_ = 0;
};

// One stream. A session belongs to one thread at a time.
class Session {
 public:
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Where the next frame goes: [S, S, 3] RGB pixels.
  std::span<std::uint8_t> pixels() { return pixels_; }
  // The answer for the frame in pixels(), once the step with it has run. Valid until the next push().
  const SessionAnswer& push();
  // As if there had been no frame.
  void reset();
  std::int64_t frames() const { return frames_; }  // since the start or the last reset

  // The session's memory as named arrays; a session that loads them goes on bit for bit. Error: of another model.
  NamedArrays save() const;
  void load(const NamedArrays& arrays);

 private:
  friend class Scheduler;
  Session(Scheduler& scheduler, std::int64_t slot, std::span<std::uint8_t> pixels)
      : scheduler_(scheduler), slot_(slot), pixels_(pixels) {}

  Scheduler& scheduler_;
  std::int64_t slot_;
  std::span<std::uint8_t> pixels_;
  SessionAnswer answer_;
  std::int64_t frames_ = 0;
};

}  // namespace trecvit
