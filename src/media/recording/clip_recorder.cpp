// The sink that keeps the last seconds of encoded video and writes clips of them.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/log.hpp"
#include "freshframe/media.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/unit_text.hpp"
#include "media/ffmpeg/log.hpp"
#include "media/ffmpeg/write/frame_encoder.hpp"
#include "media/recording/clip.hpp"
#include "media/recording/clip_encoding.hpp"
#include "media/recording/clip_orders.hpp"
#include "media/recording/drain_limit.hpp"
#include "media/recording/packet_ring.hpp"
#include "media/recording/video_file_codec.hpp"

namespace freshframe {
namespace {

using media::Clip;
using media::ClipFile;
using media::ClipOrder;
using media::ClipOrders;
using media::Dictionary;
using media::DrainLimit;
using media::FrameEncoder;
using media::kFallbackFps;
using media::PacketRing;

constexpr double kKeyInterval = 1.0;      // seconds between key frames: a clip begins at one
constexpr double kLongest = 24 * 3600;    // seconds before or after an event
constexpr double kLongestGap = 6 * 3600;  // seconds between two frames: MP4 has 31 bits for the ticks
constexpr Seconds kIdleInterval{1};       // between two looks at the clips while no frame arrives
constexpr double kFarthest = 1e12;        // seconds from the first frame: as ticks they fit into 64 bits
constexpr const char* kWhat = "the clips";

void check_seconds(const char* name, double seconds) {
  if (seconds >= 0 && seconds <= kLongest) return;
  throw OptionError(std::string(name) + " of a clip must be 0 to 86400 seconds, got " +
                    core::seconds_text(seconds));
}

std::string pts_range(double from, double to) {
  std::array<char, 80> text{};
  std::snprintf(text.data(), text.size(), "pts %.1f to %.1f s", from, to);
  return text.data();
}

}  // namespace

struct ClipRecorder::Impl {
  /// The first frame waits for the second: their distance is the nominal rate.
  struct Pending {
    Frame frame;
    double pts = 0;
    std::unique_ptr<FrameEncoder> encoder;  // not started
  };
  struct Writing {
    ClipFile file;
    std::unique_ptr<Clip> clip;
  };

  explicit Impl(ClipOptions wanted) : options(std::move(wanted)), ring(options.before, options.max_bytes) {
    media::install_ffmpeg_log();
    check_seconds("before", options.before);
    check_seconds("after", options.after);
    if (options.max_bytes == 0) throw OptionError("max_bytes of clips must be above 0, got 0");
    media::check_encoding(kWhat, media::clip_container(), media::clip_encoding(options));
  }

  // The node's thread. A clip that cannot be written affects neither the encoder nor other clips: its failure
  // is thrown afterwards.

  void write(const Frame& frame, double pts) {
    written = context->clock.now();
    if (context->stop.stop_requested() && orders.end_if_none()) return;
    if (!frame) throw Error("cannot write the clips: the sample has no frame");
    if (!std::isfinite(pts)) throw Error("cannot write the clips: a frame's pts is not a number");
    if (pending) start(pts - pending->pts);
    if (std::exchange(paused, false)) next_key = pts;
    if (encoder) end_what_cannot_go_on(frame, pts);
    if (encoder) {
      encode(frame, pts);
      take_orders();
    } else {
      auto next =
          std::make_unique<FrameEncoder>(kWhat, media::clip_container(), media::closed_groups(options));
      next->check_size(frame.picture_format());
      pending = Pending{frame, pts, std::move(next)};
    }
    throw_failure();
  }

  /// A failure is thrown with the next frame, which on_error may skip. When the source is away, save() still
  /// gives the seconds before, and clips end at their time.
  void idle() {
    const auto away = Seconds(context->clock.now() - *written).count();
    if (away >= media::kPause && !std::exchange(paused, true)) {
      keep_failure([&] {
        if (pending) start(0);
      });
      if (encoder) drain();
      each_clip([](Clip& clip) {
        clip.flush();
        return true;
      });
    }
    if (encoder) take_orders();
    if (encoder && paused)
      each_clip([now = tick(newest + away)](const Clip& clip) { return clip.to() >= now; });
    woke = context->clock.now();
  }

  [[nodiscard]] std::optional<TimePoint> idle_at() const {
    if (!written) return std::nullopt;
    return std::max(*written, woke) + to_duration(kIdleInterval);
  }

  /// `step`: seconds from the first frame to the second.
  void start(double step) {
    auto first = *std::exchange(pending, std::nullopt);
    muxer_options = first.encoder->start(first.frame, step > 0 ? 1 / step : kFallbackFps);
    encoder = std::move(first.encoder);
    ring.begin(encoder->codec().time_base);
    next_key = first.pts;
    encode(first.frame, first.pts);
  }

  void end_what_cannot_go_on(const Frame& frame, double pts) {
    if (!encoder->fits(frame)) {
      log(LogLevel::Warning, "the size or the colours of the frames changed: clips begin and end there");
    } else if (pts - newest > kLongestGap) {
      log(LogLevel::Warning,
          "there was no frame for " + core::seconds_text(pts - newest) + ": clips begin and end there");
    } else {
      return;
    }
    end_stream();
  }

  void encode(const Frame& frame, double pts) {
    const bool key = pts >= next_key;
    encoder->encode(frame, pts, [this](AVPacket& packet) { take(packet); }, key);
    newest = pts;
    if (key) next_key = pts + kKeyInterval;
  }

  void take(const AVPacket& packet) {
    if (!ring.push(packet) && !std::exchange(short_told, true)) {
      log(LogLevel::Warning, "clips begin only " + core::seconds_text(ring.span()) +
                                 " before their event, not " + core::seconds_text(options.before) +
                                 ": max_bytes holds no more. Raise max_bytes, or lower the quality");
    }
    each_clip([this](Clip& clip) { return go_on(clip); });
  }

  /// False: the clip is over.
  bool go_on(Clip& clip) {
    if (!clip.begun()) {
      if (ring.newest() < clip.from()) return true;  // the encoder has not reached it
      while (!clip.begin(encoder->codec(), muxer_options, ring)) {
        if (!made_longer(clip)) return false;
      }
    }
    while (!clip.follow(ring)) {
      if (!made_longer(clip)) return false;
    }
    return true;
  }

  /// Executes the waiting orders for a clip that is about to end. False: there are none.
  bool made_longer(Clip& clip) {
    const auto meant = orders.take(ClipFile(clip.path()));
    for (const auto& order : meant) extend(clip, order);
    return !meant.empty();
  }

  void extend(Clip& clip, const ClipOrder& order) {
    const double event = order.at.value_or(newest);
    clip.extend(tick(event - options.before), tick(event + options.after));
  }

  /// Calls `keeps` for each clip and ends those for which it is false, or throws.
  template <class Keeps>
  void each_clip(const Keeps& keeps) {
    std::erase_if(clips, [&](Writing& one) {
      bool kept = false;
      keep_failure([&] {
        kept = keeps(*one.clip);
        if (!kept) end_clip(*one.clip);
      });
      if (kept) return false;
      one.clip.reset();  // closes the file
      orders.forget(one.file);
      return true;
    });
  }

  void end_clip(Clip& clip) {
    clip.finish();
    if (clip.begun()) {
      log(LogLevel::Info, "clip '" + clip.path() + "' is written");
    } else {
      tell_empty(clip);
    }
  }

  void tell_empty(const Clip& clip) const {
    log(LogLevel::Warning, "clip '" + clip.path() + "' was not written: " + why_empty(clip) + "; the file " +
                               (clip.had_content() ? "keeps its old content" : "was not made"));
  }

  [[nodiscard]] std::string why_empty(const Clip& clip) const {
    if (!encoder || ring.newest() == INT64_MIN) return "no frame is in memory";
    const double last = pts_of(ring.newest());
    return "it is of " + pts_range(pts_of(clip.from()), pts_of(clip.to())) +
           ", and the frames in memory are of " + pts_range(last - ring.span(), last);
  }

  /// Keeps the first failure for throw_failure(), and logs the others.
  template <class Deed>
  void keep_failure(const Deed& deed) {
    try {
      deed();
    } catch (const std::exception& error) {
      if (failure) {
        log(LogLevel::Error, error.what());
      } else {
        failure = std::current_exception();
      }
    }
  }

  void throw_failure() {
    if (failure) std::rethrow_exception(std::exchange(failure, nullptr));
  }

  void take_orders() {
    auto taken = orders.take();
    if (taken.empty()) return;
    for (auto& order : taken) {
      try {
        obey(order);
      } catch (...) {
        orders.forget(order.file);
        keep_failure([] { throw; });
      }
    }
    each_clip([this](Clip& clip) { return go_on(clip); });
  }

  void obey(ClipOrder& order) {
    for (const auto& [file, clip] : clips) {
      if (file == order.file) return extend(*clip, order);
    }
    if (!order.clip) order.clip = std::make_unique<Clip>(order.file.path);  // the earlier one has ended
    extend(*order.clip, order);
    clips.push_back({order.file, std::move(order.clip)});
  }

  [[nodiscard]] std::int64_t tick(double pts) const {
    const double seconds = std::clamp(pts - encoder->first_pts(), -kFarthest, kFarthest);
    return std::llround(seconds / av_q2d(encoder->codec().time_base));
  }

  [[nodiscard]] double pts_of(std::int64_t tick) const {
    return encoder->first_pts() + static_cast<double>(tick) * av_q2d(encoder->codec().time_base);
  }

  void drain() {
    keep_failure([&] {
      encoder->drain([this](AVPacket& packet) { take(packet); }, [this] { return limit->passed(); });
    });
    const auto left_out = encoder->held();
    if (left_out == 0) return;
    context->counters.drop(NodeDropCause::Stop, static_cast<std::uint64_t>(left_out));
    log(LogLevel::Warning, "the encoder did not give the last " + std::to_string(left_out) +
                               " frames within 3 s after the stop: clips lack them");
  }

  /// Writes the encoder's remaining packets and ends all clips: no frame of this kind follows.
  void end_stream() {
    take_orders();
    drain();
    each_clip([](Clip&) { return false; });
    encoder.reset();
  }

  void finish() {
    orders.end();
    if (!context->stop.stop_requested() || !orders.end_if_none()) {
      keep_failure([&] {
        if (pending) start(0);
      });
      if (encoder) end_stream();
    }
    pending.reset();
    encoder.reset();  // with its threads, as the packets: the recorder may live long after its pipeline
    ring.begin({1, 1});
    for (const auto& order : orders.clear()) {  // there was no frame
      if (order.clip) tell_empty(*order.clip);
    }
    throw_failure();
  }

  // Any thread.

  void save(const std::string& path, std::optional<double> at) {
    if (at && !std::isfinite(*at))
      throw OptionError("at must be a pts in seconds, got " + std::to_string(*at));
    media::check_clip_name(path, options);
    orders.save(path, at);
  }

  ClipOptions options;

  // The node's thread.
  std::optional<Context> context;  // from open() on; it lives longer than the node
  std::optional<DrainLimit> limit;
  std::optional<TimePoint> written;  // when the last frame was
  TimePoint woke{};                  // the last idle()
  bool paused = false;
  std::unique_ptr<FrameEncoder> encoder;  // started
  Dictionary muxer_options;
  std::optional<Pending> pending;
  PacketRing ring;
  std::vector<Writing> clips;
  double newest = 0;    // pts of the newest frame
  double next_key = 0;  // the first frame from this pts on is a key frame
  bool short_told = false;
  std::exception_ptr failure;

  ClipOrders orders;
};

ClipRecorder::ClipRecorder(ClipOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}

ClipRecorder::~ClipRecorder() = default;

void ClipRecorder::save(const std::string& path, std::optional<double> at) {
  impl_->save(path, at);
}

std::vector<std::string> ClipRecorder::writing() const {
  return impl_->orders.paths();
}

void ClipRecorder::open(const Context& context) {
  impl_->context.emplace(context);
  impl_->limit.emplace(context);
  impl_->orders.begin();
}

std::optional<Nothing> ClipRecorder::process(const Sample<Frame>& sample, const Context& /*context*/) {
  impl_->write(sample.value, sample.stamp.pts);
  return std::nullopt;
}

std::optional<TimePoint> ClipRecorder::idle_at() const {
  return impl_->idle_at();
}

void ClipRecorder::idle(const Context& /*context*/) {
  impl_->idle();
}

std::string ClipRecorder::way_to_be_faster() const {
  const auto codec = media::codec_name(media::clip_container(), media::clip_encoding(impl_->options));
  return media::way_to_encode_faster(codec, impl_->options.speed);
}

void ClipRecorder::close() {
  impl_->finish();
}

}  // namespace freshframe
