#include "infer/scheduler.h"

#include <algorithm>

#include "core/error.h"
#include "nn/tensors.h"

namespace trecvit {

Scheduler::Scheduler(const Model& model, const SchedulerOptions& options)
    : batch_(model, {.slots = options.slots, .graph = options.graph}), deadline_(options.deadline_ms) {
  if (!(options.deadline_ms >= 0)) throw UsageError("a deadline of ", options.deadline_ms, " ms; it must be 0 or more");
}

std::unique_ptr<Session> Scheduler::open() {
  std::unique_lock lock(mutex_);
  answered_.wait(lock, [&] { return !stepping_; });
  const std::int64_t slot = batch_.join();
  return std::unique_ptr<Session>(new Session(*this, slot, batch_.pixels(slot)));
}

std::int64_t Scheduler::sessions() const {
  const std::lock_guard lock(mutex_);
  return batch_.streams();
}

std::int64_t Scheduler::steps() const {
  const std::lock_guard lock(mutex_);
  return steps_;
}

std::int64_t Scheduler::frames() const {
  const std::lock_guard lock(mutex_);
  return frames_;
}

void Scheduler::run(Frame& frame) {
  std::unique_lock lock(mutex_);
  waiting_.push_back(&frame);
  arrived_.notify_one();
  // Whoever finds no step under way gathers the next one.
  answered_.wait(lock, [&] { return frame.done || !stepping_; });
  if (!frame.done) {
    stepping_ = true;
    step(lock);
  }
  if (frame.failure) std::rethrow_exception(frame.failure);
}

void Scheduler::step(std::unique_lock<std::mutex>& lock) {
  const auto until = std::chrono::steady_clock::now() + deadline_;
  arrived_.wait_until(lock, until, [&] { return static_cast<std::int64_t>(waiting_.size()) >= batch_.streams(); });
  std::vector<Frame*> taken;
  taken.swap(waiting_);
  std::sort(taken.begin(), taken.end(), [](const Frame* a, const Frame* b) { return a->slot < b->slot; });
  std::vector<std::int64_t> slots;
  for (const Frame* frame : taken) slots.push_back(frame->slot);
  std::exception_ptr failure;
  lock.unlock();  // sessions may hand in frames of the next step meanwhile
  try {
    batch_.step(slots);
    for (Frame* frame : taken) {
      const auto own = batch_.frame_probabilities(frame->slot), mean = batch_.mean_probabilities(frame->slot);
      frame->answer->frame_probabilities.assign(own.begin(), own.end());
      frame->answer->mean_probabilities.assign(mean.begin(), mean.end());
    }
  } catch (...) {
    failure = std::current_exception();
  }
  lock.lock();
  for (Frame* frame : taken) {
    frame->failure = failure;
    frame->done = true;
  }
  ++steps_;
  frames_ += static_cast<std::int64_t>(taken.size());
  stepping_ = false;
  answered_.notify_all();
}

Session::~Session() {
  std::unique_lock lock(scheduler_.mutex_);
  scheduler_.answered_.wait(lock, [&] { return !scheduler_.stepping_; });
  scheduler_.batch_.leave(slot_);
}

const SessionAnswer& Session::push() {
  Scheduler::Frame frame{.slot = slot_, .answer = &answer_, .failure = nullptr};
  scheduler_.run(frame);
  ++frames_;
  return answer_;
}

void Session::reset() {
  std::unique_lock lock(scheduler_.mutex_);
  scheduler_.answered_.wait(lock, [&] { return !scheduler_.stepping_; });
  scheduler_.batch_.reset(slot_);
  frames_ = 0;
}

NamedArrays Session::save() const {
  std::unique_lock lock(scheduler_.mutex_);
  scheduler_.answered_.wait(lock, [&] { return !scheduler_.stepping_; });
  return scheduler_.batch_.save(slot_);
}

void Session::load(const NamedArrays& arrays) {
  std::unique_lock lock(scheduler_.mutex_);
  scheduler_.answered_.wait(lock, [&] { return !scheduler_.stepping_; });
  scheduler_.batch_.load(slot_, arrays);
  frames_ = to_tensor(arrays.at("frames")).item<std::int64_t>();
}

}  // namespace trecvit
