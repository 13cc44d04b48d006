#include "data/loader/loader.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <limits>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "core/error.h"
#include "data/loader/clip_reader.h"
#include "data/loader/order.h"
#include "data/video/decoder.h"

namespace trecvit {
namespace {

constexpr std::int64_t kWindowVideos = 4096;  // enough that chance moves a share of 8 % by less than 2 %

// The result of reading one video of a batch.
struct Outcome {
  std::int64_t sample = 0;
  std::vector<std::int64_t> labels;  // by clip
  std::optional<std::string> bad;
};

// A batch in the making. Workers write to disjoint parts of it.
struct Slot {
  ClipBatch batch;
  std::vector<Outcome> outcomes;
  std::size_t pending = 0;  // videos not finished yet
  std::exception_ptr failure;
};

void check(const LoaderOptions& o) {
  require(o.batch >= 1, "batch", o.batch, "at least 1");
  require(o.clips >= 1 && o.clips <= 1000, "clips", o.clips, "between 1 and 1000");
  require(o.crops >= 1 && o.crops <= 1000, "crops", o.crops, "between 1 and 1000");
  require(!o.training || o.clips * o.crops == 1, "clips * crops", o.clips * o.crops, "1 in training");
  require(!o.training || o.batch % o.augment.repeats == 0, "augment.repeats", o.augment.repeats,
          "a divisor of the batch");
  require(o.world >= 1 && o.rank >= 0 && o.rank < o.world, "rank", o.rank, "below the number of processes");
  require(o.start_batch >= 0, "start_batch", o.start_batch, "at least 0");
  ensure(!(o.planes && o.training && changes_pixels(o.augment)), "pixels that are changed must be there");
}

ClipReaderOptions reader_options(const DataConfig& config, const LoaderOptions& o) {
  return {.sampling = sampling_of(config),
          .size = config.size,
          .deadline_s = config.deadline_s,
          .index_cache = video::default_index_cache(),
          .training = o.training,
          .augment = o.augment,
          .clips = o.training ? o.augment.repeats : o.clips,
          .crops = o.crops,
          .seed = o.seed,
          .shuffle_frames = o.shuffle_frames && !o.training};
}

}  // namespace

struct Loader::Impl {
  const Dataset& dataset;
  const DataConfig config;
  const LoaderOptions options;
  const ClipReaderOptions reading;
  std::vector<std::int64_t> mirrored;  // label after a flip
  Shard shard;                         // evaluation
  std::int64_t per_batch = 1;          // videos
  std::int64_t per_epoch = 0;          // batches
  std::int64_t end = 0;                // position after the last batch

  // Note [Ring]: batch p is made in slot p modulo the number of slots, for the positions taken .. taken + slots - 1.
  // Items are handed out in order; next() delivers in order. `mutex` guards all that follows; pixels are written
  // outside it.
  std::vector<Slot> slots;
  std::mutex mutex;
  std::condition_variable work_ready, batch_ready;
  std::int64_t claimed = 0;       // position whose items are being handed out
  std::size_t claimed_items = 0;  // how many of them are
  std::int64_t taken = 0;         // position that next() delivers next
  bool stopping = false;
  std::vector<BadVideo> bad;
  std::int64_t window = 1;              // batches whose bad videos are counted
  std::deque<std::int64_t> recent_bad;  // positions, one for each of these videos
  LoadTimes times;
  ClipReader own_reader;  // without workers
  std::vector<std::jthread> workers;

  Impl(const Dataset& dataset, const DataConfig& config, const LoaderOptions& options)
      : dataset(dataset),
        config(config),
        options(options),
        reading(reader_options(config, options)),
        recent_bad(options.recent_bad.begin(), options.recent_bad.end()),
        own_reader(reading) {
    config.check();
    options.augment.check();
    check(options);
    const auto videos = static_cast<std::int64_t>(dataset.samples.size());
    mirrored = mirrored_labels(dataset.labels);
    if (options.training) {
      per_batch = options.batch / reading.clips;
      per_epoch = videos / (per_batch * options.world);
      end = std::numeric_limits<std::int64_t>::max();
      if (per_epoch == 0) {
        throw UsageError("the split \"", dataset.split, "\" has ", videos, " videos, fewer than one global batch of ",
                         per_batch * options.world, "; make the batch smaller");
      }
      window = std::clamp<std::int64_t>(kWindowVideos / per_batch, 1, per_epoch);
    } else {
      shard = evaluation_shard(videos, options.rank, options.world);
      per_batch = std::max<std::int64_t>(1, options.batch / (options.clips * options.crops));
      per_epoch = (shard.end - shard.begin + per_batch - 1) / per_batch;
      end = per_epoch;
    }
    claimed = taken = options.start_batch;
    // Enough batches in the making for every worker to have a video of its own while one batch is being delivered.
    const std::int64_t ahead = (config.workers + per_batch - 1) / per_batch + 1;
    slots.resize(static_cast<std::size_t>(config.workers == 0 ? 1 : ahead));
    try {
      for (std::int64_t i = 0; i < config.workers; ++i) workers.emplace_back([this] { work(); });
    } catch (...) {  // those that started must end before they can be joined
      stop();
      throw;
    }
  }

  ~Impl() { stop(); }

  void stop() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    work_ready.notify_all();
  }

  Slot& slot_of(std::int64_t position) {
    return slots[static_cast<std::size_t>(position % static_cast<std::int64_t>(slots.size()))];
  }

  std::int64_t views() const { return reading.clips * reading.crops; }

  std::size_t items_of(std::int64_t position) const {
    if (options.training) return static_cast<std::size_t>(per_batch);
    return static_cast<std::size_t>(std::min(per_batch, shard.end - shard.begin - position * per_batch));
  }

  std::size_t picture_bytes() const { return static_cast<std::size_t>(config.size * config.size * 3); }

  // Sizes the slot's memory and says which videos go where.
  void prepare(Slot& slot, std::int64_t position) {
    const std::size_t items = items_of(position);
    ClipBatch& batch = slot.batch;
    batch.frames = config.frames;
    batch.clips = static_cast<std::int64_t>(items) * views();
    batch.height = batch.width = config.size;
    batch.position = position;
    batch.epoch = position / per_epoch;
    if (options.planes) {
      batch.planes.resize(items);
    } else {
      batch.video.resize(static_cast<std::size_t>(batch.frames * batch.clips) * picture_bytes());
    }
    slot.outcomes.assign(items, {});
    slot.pending = items;
    slot.failure = nullptr;
    if (!options.training) {
      for (std::size_t i = 0; i < items; ++i) {
        slot.outcomes[i].sample = shard.begin + position * per_batch + static_cast<std::int64_t>(i);
      }
      return;
    }
    const Permutation order(static_cast<std::int64_t>(dataset.samples.size()), options.seed,
                            static_cast<std::uint64_t>(batch.epoch));
    const std::int64_t first = (position % per_epoch * options.world + options.rank) * per_batch;
    for (std::size_t i = 0; i < items; ++i) slot.outcomes[i].sample = order(first + static_cast<std::int64_t>(i));
  }

  // Reads video `item` of the slot. Runs without the mutex.
  void make(ClipReader& reader, Slot& slot, std::size_t item) {
    Outcome& outcome = slot.outcomes[item];
    ClipBatch& batch = slot.batch;
    const Sample& sample = dataset.samples[static_cast<std::size_t>(outcome.sample)];
    const std::size_t first = item * static_cast<std::size_t>(views()) * picture_bytes();
    try {
      reader.read(sample, batch.epoch, outcome.sample,
                  {.pixels = options.planes ? nullptr : batch.video.data() + first,
                   .frame_step = static_cast<std::size_t>(batch.clips) * picture_bytes(),
                   .planes = options.planes ? &batch.planes[item] : nullptr});
      const bool known = sample.label >= 0 && sample.label < std::ssize(mirrored);
      for (std::int64_t clip = 0; clip < reading.clips; ++clip) {
        outcome.labels.push_back(reader.flipped(clip) && known ? mirrored[static_cast<std::size_t>(sample.label)]
                                                               : sample.label);
      }
    } catch (const Error& error) {
      outcome.bad = error.what();
    }
  }

  void work() {
    ClipReader reader(reading);
    std::unique_lock lock(mutex);
    for (;;) {
      work_ready.wait(lock, [&] { return stopping || (claimed < end && claimed < taken + std::ssize(slots)); });
      if (stopping) return;
      Slot& slot = slot_of(claimed);
      const std::size_t item = claimed_items;
      std::exception_ptr failure;
      try {
        if (item == 0) prepare(slot, claimed);
      } catch (...) {  // out of memory
        slot.pending = items_of(claimed);
        slot.failure = std::current_exception();
      }
      if (++claimed_items == items_of(claimed)) {
        ++claimed;
        claimed_items = 0;
      }
      if (!slot.failure) {
        lock.unlock();
        try {
          make(reader, slot, item);
        } catch (...) {
          failure = std::current_exception();
        }
        lock.lock();
      }
      times += reader.take_times();
      if (failure && !slot.failure) slot.failure = failure;
      if (--slot.pending == 0) batch_ready.notify_one();
    }
  }

  // Takes the bad videos out of a finished batch: its clips move together.
  void compact(Slot& slot) {
    ClipBatch& batch = slot.batch;
    batch.labels.clear();
    batch.samples.clear();
    batch.views.clear();
    std::int64_t kept = 0;
    for (const Outcome& outcome : slot.outcomes) {
      if (outcome.bad) {
        recent_bad.push_back(batch.position);
        const auto& path = dataset.samples[static_cast<std::size_t>(outcome.sample)].path;
        bad.push_back({outcome.sample, path, *outcome.bad, batch.epoch});
        continue;
      }
      ++kept;
      for (std::int64_t view = 0; view < views(); ++view) {
        batch.labels.push_back(outcome.labels[static_cast<std::size_t>(view / reading.crops)]);
        batch.samples.push_back(outcome.sample);
        batch.views.push_back(view);
      }
    }
    batch.clips = kept * views();
    if (kept == std::ssize(slot.outcomes)) return;
    if (options.planes) {
      std::size_t to = 0;
      for (std::size_t from = 0; from < slot.outcomes.size(); ++from) {
        if (!slot.outcomes[from].bad) std::swap(batch.planes[to++], batch.planes[from]);
      }
      batch.planes.resize(to);
      return;
    }
    const std::size_t part = picture_bytes() * static_cast<std::size_t>(views());
    std::uint8_t* to = batch.video.data();
    const std::uint8_t* from = to;
    for (std::int64_t t = 0; t < batch.frames; ++t) {
      for (const Outcome& outcome : slot.outcomes) {
        if (!outcome.bad) {
          if (to != from) std::memmove(to, from, part);
          to += part;
        }
        from += part;
      }
    }
    batch.video.resize(static_cast<std::size_t>(batch.frames * batch.clips) * picture_bytes());
  }

  // Note [Recent videos]: the share is that of the last videos, so that storage which fails late in a run is noticed as
  // soon as early. It is a share of the whole window also while the window fills, so that two bad videos among the
  // first ten stop nothing.
  void limit_bad() {
    if (!options.training) return;  // evaluation reports what is missing instead
    while (!recent_bad.empty() && recent_bad.front() < taken - window) recent_bad.pop_front();
    const std::int64_t videos = window * per_batch, count = std::ssize(recent_bad);
    const bool all = count >= videos;
    if (!all && static_cast<double>(count) <= config.max_bad_share * static_cast<double>(videos)) return;
    throw Error(count, " of the last ", std::min(taken * per_batch, videos), " videos cannot be read, ",
                all ? std::string("all that there were")
                    : text("more than data.max_bad_share = ", config.max_bad_share, " of ", videos, " allows"),
                " (", bad.empty() ? std::string("see the log") : bad.back().message,
                "); run trecvit dataset check to see them all");
  }

  bool next(ClipBatch& batch) {
    if (taken >= end) return false;
    const auto began = std::chrono::steady_clock::now();
    Slot& slot = slot_of(taken);
    std::unique_lock lock(mutex);
    if (config.workers == 0) {
      prepare(slot, taken);
      for (std::size_t item = 0; item < slot.outcomes.size(); ++item) make(own_reader, slot, item);
      slot.pending = 0;
      times += own_reader.take_times();
    } else {
      batch_ready.wait(lock, [&] { return claimed > taken && slot.pending == 0; });
      if (slot.failure) {
        stopping = true;
        work_ready.notify_all();
        std::rethrow_exception(slot.failure);
      }
    }
    compact(slot);
    std::swap(batch, slot.batch);
    ++taken;
    limit_bad();
    lock.unlock();
    work_ready.notify_all();
    batch.wait_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    return true;
  }
};

Loader::Loader(const Dataset& dataset, const DataConfig& config, const LoaderOptions& options)
    : impl_(std::make_unique<Impl>(dataset, config, options)) {}

Loader::~Loader() = default;

bool Loader::next(ClipBatch& batch) { return impl_->next(batch); }

std::int64_t Loader::batches_per_epoch() const { return impl_->per_epoch; }

LoadTimes Loader::times() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->times;
}

std::vector<std::int64_t> Loader::recent_bad() const {
  const std::lock_guard lock(impl_->mutex);
  return {impl_->recent_bad.begin(), impl_->recent_bad.end()};
}

std::vector<BadVideo> Loader::take_bad() {
  const std::lock_guard lock(impl_->mutex);
  return std::exchange(impl_->bad, {});
}

}  // namespace trecvit
