#include "data/synth/scene.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "data/synth/looks.h"

namespace trecvit::synth {
namespace {

constexpr float kTau = 2 * std::numbers::pi_v<float>;
constexpr std::size_t kNoiseLength = 1 << 16;

// Normal deviates shared by all videos; each row of each frame reads them from a place of its own.
const std::vector<float>& noise_table() {
  static const std::vector<float> table = [] {
    Rng rng(0, stream_id("synth.noise"));
    std::vector<float> values(kNoiseLength);
    for (float& value : values) value = static_cast<float>(rng.normal());
    return values;
  }();
  return table;
}

}  // namespace

float Scene::Sway::at(double u) const {
  float sum = 0;
  for (int i = 0; i < 2; ++i) sum += size[i] * std::sin(speed[i] * static_cast<float>(u) + phase[i]);
  return sum;
}

Scene::Sway Scene::sway(double size, Rng& rng) const {
  Sway sway;
  for (int i = 0; i < 2; ++i) {
    sway.size[i] = static_cast<float>(rng.uniform(0, size / 2));
    sway.speed[i] = static_cast<float>(rng.uniform(3, 12));
    sway.phase[i] = static_cast<float>(rng.uniform(0, kTau));
  }
  return sway;
}

Scene::Scene(Motion motion, const Difficulty& difficulty, int width, int height, Rng& rng)
    : width_(width), height_(height) {
  const double shake = height * difficulty.shake;
  margin_ = static_cast<int>(std::ceil(shake)) + 2;
  camera_x_ = sway(shake, rng);
  camera_y_ = sway(shake, rng);
  noise_ = static_cast<float>(rng.uniform(difficulty.noise.low, difficulty.noise.high));
  flicker_ = difficulty.flicker.high > 0
                 ? static_cast<float>(rng.uniform(difficulty.flicker.low, difficulty.flicker.high))
                 : 0.0f;
  if (motion == Motion::kSquareThenCircle) {
    looks_ = {random_look({Shape::kSquare}, difficulty, rng), random_look({Shape::kDisc}, difficulty, rng)};
    // Order is the task, not shape: in easy sets their colours tell them apart too.
    for (std::size_t i = 0; i < 2 && difficulty.told_by_colour; ++i) {
      looks_[i].texture = Texture::kPlain;
      looks_[i].colour =
          from_hsv(rng.uniform(0, 0.1) + (i == 0 ? 0.0 : 0.5), rng.uniform(0.6, 0.9), rng.uniform(0.85, 1));
    }
  } else if (motion == Motion::kTurn) {
    // Which way the shape points must be plain to see: in easy sets it is an arrow of one colour.
    looks_ = {difficulty.turn_arrows
                  ? random_look({Shape::kArrow}, difficulty, rng)
                  : random_look({Shape::kBar, Shape::kArrow, Shape::kAngle, Shape::kTee}, difficulty, rng)};
    looks_[0].texture =
        difficulty.turn_halves > 0 && rng.chance(difficulty.turn_halves) ? Texture::kHalves : Texture::kPlain;
  } else {
    looks_ = {random_look(
        {Shape::kDisc, Shape::kSquare, Shape::kTriangle, Shape::kBar, Shape::kArrow, Shape::kAngle, Shape::kTee},
        difficulty, rng)};
  }
  for (Look& look : looks_) look.words = describe(look);
  paint_background(difficulty, rng);
  const std::int64_t spread = difficulty.most_distractors - difficulty.least_distractors;
  const std::int64_t others = difficulty.least_distractors + (spread > 0 ? rng.below(spread + 1) : 0);
  for (std::int64_t i = 0; i < others; ++i) {
    Distractor other;
    other.look = random_look({Shape::kTriangle, Shape::kBar, Shape::kAngle, Shape::kTee}, difficulty, rng);
    other.pose = {.x = rng.uniform(0, width),
                  .y = rng.uniform(0, height),
                  .radius = height * rng.uniform(0.06, 0.12),
                  .angle = rng.uniform(0, kTau),
                  .opacity = 0.9};
    other.x = sway(height * 0.12, rng);
    other.y = sway(height * 0.12, rng);
    distractors_.push_back(std::move(other));
  }
  canvas_.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
}

// A colour with a slope of light and three plane waves on it.
void Scene::paint_background(const Difficulty& difficulty, Rng& rng) {
  struct Wave {
    float x, y, phase;
    Colour size;
  };
  const int w = width_ + 2 * margin_, h = height_ + 2 * margin_;
  const float scale = kTau / static_cast<float>(height_);
  Colour base;
  for (float& c : base) c = static_cast<float>(rng.uniform(difficulty.ground.low, difficulty.ground.high));
  Wave waves[4];
  for (int i = 0; i < 4; ++i) {
    const double direction = rng.uniform(0, kTau);
    const double cycles = i == 0 ? rng.uniform(0.1, 0.4) : rng.uniform(0.5, difficulty.wave_cycles);
    waves[i].x = scale * static_cast<float>(cycles * std::cos(direction));
    waves[i].y = scale * static_cast<float>(cycles * std::sin(direction));
    waves[i].phase = static_cast<float>(rng.uniform(0, kTau));
    const double size = rng.uniform(difficulty.wave_size.low, difficulty.wave_size.high);
    for (float& c : waves[i].size) c = static_cast<float>(size * rng.uniform(0.5, 1));
  }
  surface_ = describe_surface(base, rng);
  background_.resize(static_cast<std::size_t>(w) * static_cast<std::size_t>(h) * 3);
  // sin(ax + by + c) from one table for x and one for y.
  std::vector<float> across(static_cast<std::size_t>(w) * 8);
  for (int x = 0; x < w; ++x) {
    for (int i = 0; i < 4; ++i) {
      across[static_cast<std::size_t>(x * 8 + i)] = std::sin(waves[i].x * static_cast<float>(x));
      across[static_cast<std::size_t>(x * 8 + 4 + i)] = std::cos(waves[i].x * static_cast<float>(x));
    }
  }
  float* out = background_.data();
  for (int y = 0; y < h; ++y) {
    float sine[4], cosine[4];
    for (int i = 0; i < 4; ++i) {
      sine[i] = std::sin(waves[i].y * static_cast<float>(y) + waves[i].phase);
      cosine[i] = std::cos(waves[i].y * static_cast<float>(y) + waves[i].phase);
    }
    for (int x = 0; x < w; ++x, out += 3) {
      const float* from = &across[static_cast<std::size_t>(x * 8)];
      Colour colour = base;
      for (int i = 0; i < 4; ++i) {
        const float value = from[i] * cosine[i] + from[4 + i] * sine[i];
        for (std::size_t c = 0; c < 3; ++c) colour[c] += waves[i].size[c] * value;
      }
      for (std::size_t c = 0; c < 3; ++c) out[c] = colour[c];
    }
  }
}

// The canvas becomes the background moved by (dx, dy) pixels, |dx|, |dy| < margin - 1; bilinear.
void Scene::shift_background(float dx, float dy) {
  const float x0 = static_cast<float>(margin_) - dx, y0 = static_cast<float>(margin_) - dy;
  const int ix = static_cast<int>(x0), iy = static_cast<int>(y0);
  const float fx = x0 - static_cast<float>(ix), fy = y0 - static_cast<float>(iy);
  const int row = (width_ + 2 * margin_) * 3, count = width_ * 3;
  for (int y = 0; y < height_; ++y) {
    const float* top = &background_[static_cast<std::size_t>((iy + y) * row + ix * 3)];
    const float* bottom = top + row;
    float* out = &canvas_[static_cast<std::size_t>(y * count)];
    for (int i = 0; i < count; ++i) {
      const float a = top[i] + fx * (top[i + 3] - top[i]);
      const float b = bottom[i] + fx * (bottom[i + 3] - bottom[i]);
      out[i] = a + fy * (b - a);
    }
  }
}

void Scene::draw(const Look& look, const Pose& pose) {
  if (pose.opacity <= 0) return;
  const auto radius = static_cast<float>(pose.radius), opacity = static_cast<float>(pose.opacity);
  const int x0 = std::max(0, static_cast<int>(std::floor(pose.x - pose.radius - 1)));
  const int x1 = std::min(width_ - 1, static_cast<int>(std::ceil(pose.x + pose.radius + 1)));
  const int y0 = std::max(0, static_cast<int>(std::floor(pose.y - pose.radius - 1)));
  const int y1 = std::min(height_ - 1, static_cast<int>(std::ceil(pose.y + pose.radius + 1)));
  const auto cosine = static_cast<float>(std::cos(pose.angle)) / radius;
  const auto sine = static_cast<float>(std::sin(pose.angle)) / radius;
  for (int y = y0; y <= y1; ++y) {
    float* out = &canvas_[static_cast<std::size_t>((y * width_ + x0) * 3)];
    const float dy = static_cast<float>(y + 0.5 - pose.y);
    for (int x = x0; x <= x1; ++x, out += 3) {
      const float dx = static_cast<float>(x + 0.5 - pose.x);
      const float lx = cosine * dx + sine * dy, ly = cosine * dy - sine * dx;
      // A pixel's share of an edge that passes at this distance from its centre.
      const float cover = 0.5f - distance(look.shape, lx, ly) * radius;
      if (cover <= 0) continue;
      const float alpha = std::min(cover, 1.0f) * opacity;
      const float mix = texture_mix(look, lx, ly, radius);
      for (std::size_t c = 0; c < 3; ++c) {
        const float colour = look.colour[c] + mix * (look.other[c] - look.colour[c]);
        out[c] += alpha * (colour - out[c]);
      }
    }
  }
}

void Scene::render(const Script& script, double u, Rng& rng, std::span<std::uint8_t> rgb) {
  const float dx = camera_x_.at(u), dy = camera_y_.at(u);
  shift_background(dx, dy);
  for (const Distractor& other : distractors_) {
    Pose pose = other.pose;
    pose.x += dx + other.x.at(u);
    pose.y += dy + other.y.at(u);
    draw(other.look, pose);
  }
  for (std::size_t i = 0; i < script.actors(); ++i) {
    Pose pose = script.pose(i, u);
    pose.x += dx;
    pose.y += dy;
    draw(looks_[i], pose);
  }
  const std::vector<float>& table = noise_table();
  const float light = flicker_ > 0 ? flicker_ * static_cast<float>(rng.normal()) : 0.0f;
  const auto row = static_cast<std::size_t>(width_) * 3;
  for (std::size_t y = 0; y < static_cast<std::size_t>(height_); ++y) {
    std::size_t place = rng.bits() % kNoiseLength;
    for (std::size_t i = 0; i < row;) {
      const std::size_t run = std::min(row - i, kNoiseLength - place);
      const float* in = &canvas_[y * row + i];
      std::uint8_t* out = &rgb[y * row + i];
      for (std::size_t k = 0; k < run; ++k) {
        const float value = in[k] + light + noise_ * table[place + k] + 0.5f;
        out[k] = static_cast<std::uint8_t>(std::clamp(value, 0.0f, 255.0f));
      }
      i += run;
      place = 0;
    }
  }
}

}  // namespace trecvit::synth
