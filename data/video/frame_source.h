// Pictures of one file by number: which packets the codec gets, from where, and where decoding begins. Internal to
// data/video; Decoder is its public face.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/video/clock.h"
#include "data/video/codec.h"
#include "data/video/container.h"
#include "data/video/decoder.h"
#include "data/video/index.h"

namespace trecvit::video {

class FrameSource {
 public:
  FrameSource(const std::string& source, const DecoderOptions& options);
  FrameSource(const FrameSource&) = delete;
  FrameSource& operator=(const FrameSource&) = delete;

  // A call of the user begins: it may take options.deadline_s.
  void start_deadline() {
    if (!options_.one_deadline) deadline_.start(options_.deadline_s);
  }

  // Scans the packets, and decodes everything once where they do not tell. Afterwards decoding begins anew.
  void build_index();
  bool indexed() const { return index_.has_value(); }
  const std::vector<double>& times() const { return index_->times; }  // needs an index

  // The next picture in presentation order; false at the end. Without an index, straight from the container.
  bool advance();

  // Frame `number` of the index. `wanted`, if not null, says for every frame whether it must come out: packets that
  // only unwanted frames need are passed over. Error: it cannot be decoded, or something it may depend on is damaged.
  void reach(std::int64_t number, const std::vector<bool>* wanted);

  // Decoding begins anew at the first frame.
  void rewind() { jump(0); }

  // The frame of the last advance() or reach(); null before and after.
  const AVFrame* picture() const { return picture_; }
  std::int64_t number() const { return number_; }

  // Whether the codec stands right before `number` and nothing from there on was passed over.
  bool stands_before(std::int64_t number) const { return number_ == number - 1 && last_passed_ < number; }

  // Whether anything was found damaged since the last question. What comes out until decoding begins anew may bear the
  // marks of it.
  bool take_faults();

  const std::string& name() const { return container_.name(); }
  const Container& container() const { return container_; }
  VideoInfo info() const { return container_.info(); }
  Clock new_clock() const;
  const DecodeCounts& counts() const { return counts_; }

 private:
  static Deadline started(const DecoderOptions& options);
  AVPacket* take();
  AVPacket* fetch(std::size_t i);
  void locate(std::size_t start);
  void open_codec();
  void jump(std::size_t packet);
  void begin(const StartPoint& start);
  bool load_cached_index();
  bool run_to(std::int64_t number);

  const std::string source_;
  const DecoderOptions options_;
  Deadline deadline_;  // before container_, which refers to it
  Container container_;
  std::optional<Index> index_;
  std::unique_ptr<Codec> codec_;
  DecodeCounts counts_;
  Handle<AVPacket> packet_ = new_packet();

  // Where the codec stands.
  const AVFrame* picture_ = nullptr;
  std::int64_t number_ = -1;       // of the last picture that came out
  std::int64_t began_ = 0;         // number of the start point where decoding began
  std::vector<bool> passed_over_;  // by number: frames passed over since then
  std::int64_t last_passed_ = -1;  // highest number among them
  bool forgiven_ = false;          // take_faults() told of damage since then
  std::size_t position_ = 0;       // next packet of the index for the codec
  std::size_t file_position_ = 0;  // next packet of the index that the container will read, when they are not in memory
  const std::vector<bool>* wanted_ = nullptr;
};

}  // namespace trecvit::video
