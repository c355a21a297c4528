// Measures whether frozen images are reported after encoding, whether those of a working camera are not, and the cost.
//
//   still_bench [SEEDS [HOURS [FIRST [SCENE]]]]
//
// Each scene is painted again with each seed, encoded with a keyframe every 2 s, and decoded, in simulated time. The
// rule gets the keyframes. A table shows how often it reported a working scene, and after how many keyframes a frozen
// one: the minimum, the median, and the maximum. A loop is counted from its first image. With HOURS, only working
// scenes are tried, each for that long in simulated time and with each seed, and only keyframes are encoded. FIRST is
// the first seed, by default 1. With SCENE, only scenes whose names contain it are tried.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/clock.hpp"
#include "freshframe/frame.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "media/ffmpeg/ptr.hpp"
#include "sources/still/picture_digest.hpp"
#include "sources/still/still_rule.hpp"

extern "C" {
#include <libavutil/opt.h>
}

namespace {

using freshframe::Plane;
using freshframe::Seconds;
using freshframe::TimePoint;
using freshframe::media::compute_digest;
using freshframe::media::StillRule;
using Kind = StillRule::Kind;

constexpr int kWidth = 640;
constexpr int kHeight = 360;
constexpr int kFps = 4;
constexpr int kGroup = 8;  // images from one keyframe to the next, 2 s
constexpr int kKeys = 50;
constexpr int kFirst = 20;  // keyframes before a scene freezes
constexpr std::size_t kPixels = std::size_t{kWidth} * kHeight;

using Luma = std::vector<float>;

/// Converts a scene to the 8-bit image that a camera would encode.
std::vector<std::uint8_t> levels_of(const Luma& luma) {
  std::vector<std::uint8_t> out(luma.size());
  for (std::size_t i = 0; i < luma.size(); ++i)
    out[i] = static_cast<std::uint8_t>(std::clamp(luma[i], 16.0F, 235.0F) + 0.5F);
  return out;
}

/// A random scene: large and small shapes, and sensor noise.
class Scene {
 public:
  explicit Scene(unsigned seed) : random_(seed), shapes_(kPixels, 0), noise_(kPixels * 2) {
    for (int size = 160; size >= 10; size /= 2) add_shapes(size, 45.0F * static_cast<float>(size) / 160 + 4);
    std::normal_distribution<float> normal;
    for (auto& level : noise_) level = normal(random_);
  }

  [[nodiscard]] Luma clean(float gain = 1) const {
    Luma out(kPixels);
    for (std::size_t i = 0; i < kPixels; ++i) out[i] = 16 + gain * (90 + shapes_[i]);
    return out;
  }
  void add_noise(Luma& luma, float sigma) {
    for (int y = 0; y < kHeight; ++y) {
      const auto* row = &noise_[random_() % (noise_.size() - kWidth)];
      const float sign = (random_() & 1U) != 0 ? sigma : -sigma;
      for (int x = 0; x < kWidth; ++x) luma[static_cast<std::size_t>(y * kWidth + x)] += sign * row[x];
    }
  }
  [[nodiscard]] Luma noisy(float sigma, float gain = 1) {
    auto out = clean(gain);
    add_noise(out, sigma);
    return out;
  }

 private:
  void add_shapes(int size, float height) {
    const int columns = kWidth / size + 2;
    const int rows = kHeight / size + 2;
    std::vector<float> knots(static_cast<std::size_t>(columns * rows));
    std::uniform_real_distribution<float> level(-height, height);
    for (auto& knot : knots) knot = level(random_);
    for (int y = 0; y < kHeight; ++y) {
      for (int x = 0; x < kWidth; ++x) {
        const float u = static_cast<float>(x % size) / static_cast<float>(size);
        const float v = static_cast<float>(y % size) / static_cast<float>(size);
        const auto* knot = &knots[static_cast<std::size_t>(y / size * columns + x / size)];
        shapes_[static_cast<std::size_t>(y * kWidth + x)] +=
            (knot[0] * (1 - u) + knot[1] * u) * (1 - v) +
            (knot[columns] * (1 - u) + knot[columns + 1] * u) * v;
      }
    }
  }

  std::mt19937 random_;
  Luma shapes_;
  Luma noise_;
};

void fill(Luma& luma, int x0, int y0, int width, int height, float level) {
  for (int y = y0; y < y0 + height; ++y) {
    std::fill_n(luma.begin() + y * kWidth + x0, width, level);
  }
}

void mask(Luma& luma) {
  fill(luma, 0, 0, kWidth, kHeight * 9 / 10, 128);
}

/// Returns an image by its number. May have state.
using Painter = std::function<Luma(Scene&, int number)>;

struct Case {
  const char* name;
  Kind kind;  // the expected kind; None for a scene that works
  Painter paint;
  Seconds least{0};  // for a scene that works: ignore verdicts that have lasted for less
};

/// Freezes the images of `paint` at keyframe kFirst.
Painter hung(Painter paint) {
  return [paint = std::move(paint), kept = Luma()](Scene& scene, int number) mutable {
    if (number <= kFirst * kGroup) kept = paint(scene, number);
    return kept;
  };
}

Luma masked_scene(Scene& scene, int /*number*/) {
  auto out = scene.noisy(2);
  mask(out);
  return out;
}

/// A camera's denoising filter: a pixel keeps its level until the sensor's differs by more than four levels.
Painter denoised() {
  return [kept = Luma()](Scene& scene, int /*number*/) mutable {
    const auto seen = scene.noisy(1);
    if (kept.empty()) kept = seen;
    for (std::size_t i = 0; i < kPixels; ++i) {
      if (std::abs(seen[i] - kept[i]) > 4) kept[i] = seen[i];
    }
    return kept;
  };
}

/// A page without noise, with a clock that shows the seconds.
Luma page_with_clock(Scene& scene, int number) {
  auto out = scene.clean();
  const auto digits = static_cast<unsigned>(number / kFps) * 2654435761U;
  for (unsigned i = 0; i < 12; ++i)
    fill(out, 16 + 10 * static_cast<int>(i), 12, 8, 14, (digits >> i & 1U) != 0 ? 230 : 20);
  return out;
}

/// A page whose encoder once repeats a keyframe.
Luma late_page(Scene& scene, int number) {
  constexpr int kLate = 30;  // keyframe
  return page_with_clock(scene, number / kGroup == kLate ? number - kGroup : number);
}

Luma walking_person(Scene& scene, int number) {
  auto out = scene.noisy(1);
  fill(out, 20 + number * 9 % 560, 180, 40, 110, 60);
  return out;
}

Painter looped() {
  return [film = std::vector<Luma>()](Scene& scene, int number) mutable {
    constexpr int kLength = 7 * kGroup;
    if (number < kLength) film.push_back(walking_person(scene, number));
    return film[static_cast<std::size_t>(number % kLength)];
  };
}

std::vector<Case> cases() {
  const auto sensor = [](Scene& scene, int) { return scene.noisy(1); };
  return {{"static scene", Kind::None, sensor},
          {"night", Kind::None, [](Scene& scene, int) { return scene.noisy(1, 0.2F); }},
          {"mask of nine tenths", Kind::None, masked_scene},
          {"denoiser", Kind::None, denoised()},
          {"page with a clock", Kind::None, page_with_clock},
          {"page with a late clock", Kind::None, late_page, Seconds(10)},
          {"walking person", Kind::None, walking_person},
          {"hang", Kind::Still, hung(sensor)},
          {"hang below the mask", Kind::Still, hung(masked_scene)},
          {"loop of 14 s", Kind::Loop, looped()},
          {"covered lens", Kind::Flat,
           [](Scene& scene, int number) {
             return number < kFirst * kGroup ? scene.noisy(1) : scene.noisy(1.2F, 0);
           }},
          {"covered lens with gain", Kind::Flat, [](Scene& scene, int number) {
             return number < kFirst * kGroup ? scene.noisy(1) : scene.noisy(3.5F, 0);
           }}};
}

struct Coding {
  const char* name;
  const char* encoder;
  const char* options;  // "key=value:key=value"
};
constexpr std::array<Coding, 4> kCodings = {
    {{"MJPEG", "mjpeg", ""},
     {"x264 crf 23", "libx264", "preset=ultrafast:tune=zerolatency:crf=23"},
     {"x264 CBR", "libx264", "preset=ultrafast:tune=zerolatency:b=500k:maxrate=500k:bufsize=500k"},
     {"x264 VBR", "libx264", "preset=ultrafast:tune=zerolatency:b=250k:maxrate=700k:bufsize=1M"}}};

void require(int result, const char* what) {
  if (result < 0) throw std::runtime_error(std::string("libav failed: ") + what);
}

/// Encodes and decodes images one by one.
class Coder {
 public:
  /// `group`: images from one keyframe to the next.
  Coder(const Coding& coding, int group) : group_(group) {
    const auto* encoder = avcodec_find_encoder_by_name(coding.encoder);
    if (encoder == nullptr) throw std::runtime_error(std::string("this build has no ") + coding.encoder);
    encoder_ = freshframe::media::make_codec(encoder);
    encoder_->width = kWidth;
    encoder_->height = kHeight;
    encoder_->time_base = {1, kFps};
    encoder_->framerate = {kFps, 1};
    encoder_->gop_size = encoder_->keyint_min = group;
    encoder_->max_b_frames = 0;
    encoder_->thread_count = 1;
    is_jpeg_ = std::string_view(coding.encoder) == "mjpeg";
    encoder_->pix_fmt = is_jpeg_ ? AV_PIX_FMT_YUVJ420P : AV_PIX_FMT_YUV420P;
    if (is_jpeg_) {
      encoder_->flags |= AV_CODEC_FLAG_QSCALE;
      encoder_->global_quality = 5 * FF_QP2LAMBDA;
    }
    AVDictionary* options = nullptr;
    require(av_dict_parse_string(&options, coding.options, "=", ":", 0), "options");
    const int opened = avcodec_open2(encoder_.get(), encoder, &options);
    av_dict_free(&options);
    require(opened, coding.encoder);
    const auto* decoder = avcodec_find_decoder(encoder->id);
    decoder_ = freshframe::media::make_codec(decoder);
    decoder_->thread_count = 1;
    decoder_->flags |= AV_CODEC_FLAG_LOW_DELAY;
    require(avcodec_open2(decoder_.get(), decoder, nullptr), "decoder");
  }

  /// Encodes and decodes an image. Returns it if it is a keyframe, otherwise null.
  const AVFrame* pass(const std::vector<std::uint8_t>& levels, int number) {
    const auto frame = freshframe::media::make_av_frame();
    frame->format = encoder_->pix_fmt;
    frame->width = kWidth;
    frame->height = kHeight;
    frame->pts = number;
    frame->quality = encoder_->global_quality;
    require(av_frame_get_buffer(frame.get(), 0), "memory");
    for (int y = 0; y < kHeight; ++y)
      std::copy_n(levels.begin() + y * kWidth, kWidth, frame->data[0] + y * frame->linesize[0]);
    for (int plane = 1; plane < 3; ++plane)
      std::memset(frame->data[plane], 128, static_cast<std::size_t>(frame->linesize[plane]) * kHeight / 2);
    require(avcodec_send_frame(encoder_.get(), frame.get()), "send_frame");
    const AVFrame* key = nullptr;
    while (avcodec_receive_packet(encoder_.get(), packet_.get()) >= 0) {
      require(avcodec_send_packet(decoder_.get(), packet_.get()), "send_packet");
      av_packet_unref(packet_.get());
      while (avcodec_receive_frame(decoder_.get(), decoded_.get()) >= 0) {
        if (decoded_->pict_type == AV_PICTURE_TYPE_I && shown_ % group_ == 0) key = decoded_.get();
        ++shown_;
        if (key != nullptr) return key;
      }
    }
    return nullptr;
  }

 private:
  freshframe::media::CodecPtr encoder_;
  freshframe::media::CodecPtr decoder_;
  freshframe::media::AvPacketPtr packet_ = freshframe::media::make_av_packet();
  freshframe::media::AvFramePtr decoded_ = freshframe::media::make_av_frame();
  bool is_jpeg_ = false;
  const int group_;
  int shown_ = 0;
};

/// One encoder's images of a scene, and the rule's verdict.
struct Run {
  Run(const Coding& coding, int group) : coder(coding, group) {}

  Coder coder;
  StillRule rule = {};
  int keys = 0;
  std::optional<int> told = {};  // keyframes until the expected verdict; for a scene that works: until any
};

void look_at(Run& run, const AVFrame& key, const Case& each) {
  const Plane plane{.data = key.data[0], .rows = kHeight, .row_bytes = kWidth, .stride = key.linesize[0]};
  const auto now = TimePoint() + std::chrono::seconds(2 * run.keys);
  run.rule.add(compute_digest(plane), now);
  ++run.keys;
  const auto [kind, since] = std::pair(run.rule.verdict().kind, run.rule.verdict().since);
  const bool says =
      each.kind == Kind::None ? kind != Kind::None && now - since >= each.least : kind == each.kind;
  if (run.told || !says) return;
  run.told = run.keys - (each.kind == Kind::Still || each.kind == Kind::Flat ? kFirst : 0);
}

/// Returns Run::told for each of kCodings. With `hours`, simulates this long, but encodes only the keyframes.
std::vector<std::optional<int>> told_after(const Case& each, unsigned seed, double hours) {
  const int step = hours > 0 ? kGroup : 1;
  const int keys = hours > 0 ? static_cast<int>(hours * 1800) : kKeys;
  Scene scene(seed);
  std::vector<Run> runs;
  for (const auto& coding : kCodings) runs.emplace_back(coding, kGroup / step);
  auto paint = each.paint;
  const auto all_told = [&] {
    return std::ranges::all_of(runs, [](const Run& run) { return run.told.has_value(); });
  };
  for (int number = 0; number < keys * kGroup && !all_told(); number += step) {
    const auto levels = levels_of(paint(scene, number));
    for (auto& run : runs) {
      if (const auto* key = run.coder.pass(levels, number)) look_at(run, *key, each);
    }
  }
  std::vector<std::optional<int>> out;
  for (const auto& run : runs) out.push_back(run.told);
  return out;
}

/// Prints the rows of a case, with `seeds` seeds from `first` on.
void print_rows(const Case& each, unsigned seeds, double hours, unsigned first) {
  std::array<std::vector<int>, kCodings.size()> told;
  for (unsigned seed = first; seed < first + seeds; ++seed) {
    const auto after = told_after(each, seed, hours);
    for (std::size_t i = 0; i < told.size(); ++i) {
      if (after[i]) told.at(i).push_back(*after[i]);
    }
  }
  for (std::size_t i = 0; i < told.size(); ++i) {
    auto& counts = told.at(i);
    std::ranges::sort(counts);
    std::printf("%-24s %-12s told in %2zu of %u", each.name, kCodings.at(i).name, counts.size(), seeds);
    if (!counts.empty())
      std::printf(", after %d, %d, %d keyframes", counts.front(), counts[counts.size() / 2], counts.back());
    std::printf("\n");
  }
  std::fflush(stdout);
}

/// Prints the minimum CPU time per image, in microseconds.
void print_cost(int width, int height) {
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  std::mt19937 random(1);
  for (auto& pixel : pixels) pixel = static_cast<std::uint8_t>(random());
  const Plane plane{.data = pixels.data(), .rows = height, .row_bytes = width, .stride = width};
  StillRule rule;
  double digest = 1;
  double judged = 1;
  const auto now = [] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  };
  for (int i = 0; i < 2000; ++i) {
    pixels[static_cast<std::size_t>(i)] ^= 0xFFU;
    const double begin = now();
    const auto seen = compute_digest(plane);
    const double between = now();
    rule.add(seen, TimePoint() + std::chrono::seconds(2 * i));
    (void)rule.verdict();
    if (i < 1100) continue;  // measure only with a full history
    digest = std::min(digest, between - begin);
    judged = std::min(judged, now() - between);
  }
  std::printf("%dx%d: digest %.1f us, rule %.1f us: %.4f %% of a core at a keyframe each 2 s\n", width,
              height, 1e6 * digest, 1e6 * judged, 100 * (digest + judged) / 2);
}

}  // namespace

int main(int count, char** arguments) {
  const auto seeds = count > 1 ? static_cast<unsigned>(std::strtoul(arguments[1], nullptr, 10)) : 10U;
  const double hours = count > 2 ? std::strtod(arguments[2], nullptr) : 0;
  const auto first = count > 3 ? static_cast<unsigned>(std::strtoul(arguments[3], nullptr, 10)) : 1U;
  const std::string_view scene = count > 4 ? arguments[4] : "";
  av_log_set_level(AV_LOG_ERROR);
  print_cost(1280, 720);
  print_cost(1920, 1080);
  try {
    for (const auto& each : cases()) {
      if (std::string_view(each.name).find(scene) == std::string_view::npos) continue;
      if (hours == 0 || each.kind == Kind::None) print_rows(each, seeds, hours, first);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "still_bench: %s\n", error.what());
    return 1;
  }
}
