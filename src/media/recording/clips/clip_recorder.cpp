// The sink that keeps the last seconds of encoded video and writes clips of them.
// SPDX-License-Identifier: Apache-2.0
//
// The encoder runs whether or not a clip is wanted, so that the last seconds are there when save() is called. Where it
// cannot go on, with frames of another size or after a step in time, its stream ends with all clips, and the next frame
// begins another one: the packets of two encoders do not fit into one file.
#include "freshframe/error.hpp"
#include "freshframe/log.hpp"
#include "freshframe/media.hpp"

#include <cmath>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "media/ffmpeg/write/frame_encoder.hpp"
#include "media/recording/clips/clips.hpp"
#include "media/recording/drain_limit.hpp"
#include "media/recording/encoding.hpp"

namespace freshframe {
namespace {

using media::Clips;
using media::ClipStream;
using media::DrainLimit;
using media::FrameEncoder;
using media::kFallbackFps;

constexpr double kKeyInterval = 1.0;  // seconds between keyframes: a clip begins at one
constexpr const char* kWhat = "the clips";

ClipStream stream_of(const AVCodecContext& encoder, double first_pts, media::Dictionary options) {
  media::CodecParametersPtr codec(avcodec_parameters_alloc());
  if (!codec || avcodec_parameters_from_context(codec.get(), &encoder) < 0) throw std::bad_alloc();
  return {.codec = std::move(codec),
          .time_base = encoder.time_base,
          .rate = encoder.framerate,
          .first_pts = first_pts,
          .options = std::move(options)};
}

}  // namespace

struct ClipRecorder::Impl {
  /// The first frame waits for the second: their distance is the nominal rate.
  struct Pending {
    Frame frame;
    Stamp stamp;
    std::unique_ptr<FrameEncoder> encoder;  // not started
  };

  explicit Impl(ClipOptions wanted) : options(std::move(wanted)), clips(options) {
    media::check_encoding(kWhat, media::clip_container(), media::clip_encoding(options));
  }

  void write(const Frame& frame, const Stamp& stamp) {
    clips.note_arrival(context->clock.now());
    if (context->stop.stop_requested() && clips.orders().end_if_none()) return;
    if (!frame) throw Error("cannot write the clips: the sample has no frame");
    if (!std::isfinite(stamp.pts)) throw Error("cannot write the clips: a frame's pts is not a number");
    if (pending) start(pending->stamp.source == stamp.source ? stamp.pts - pending->stamp.pts : 0);
    if (clips.was_paused()) next_key = stamp.pts;
    if (encoder) end_what_cannot_go_on(frame, stamp);
    if (encoder) {
      encode(frame, stamp);
      clips.take_orders();
    } else {
      auto next =
          std::make_unique<FrameEncoder>(kWhat, media::clip_container(), media::closed_groups(options));
      next->check_size(frame.picture_format());
      pending = Pending{frame, stamp, std::move(next)};
    }
    clips.throw_failure();
  }

  /// A failure is thrown with the next frame, which on_error may skip. When the source is away, save() still
  /// gives the seconds before.
  void idle() {
    clips.idle(context->clock, [this] {
      clips.keep_failure([this] {
        if (pending) start(0);
      });
      if (encoder) drain();
    });
  }

  /// `step`: seconds from the first frame to the second.
  void start(double step) {
    auto first = *std::exchange(pending, std::nullopt);
    try {
      auto muxer_options = first.encoder->start(first.frame, step > 0 ? 1 / step : kFallbackFps);
      encoder = std::move(first.encoder);
      clips.begin(stream_of(encoder->codec(), first.stamp.pts, std::move(muxer_options)));
      next_key = first.stamp.pts;
      encode(first.frame, first.stamp);
    } catch (...) {
      context->counters.drop(NodeDropCause::Lost);  // the error counts for the second frame
      throw;
    }
  }

  void end_what_cannot_go_on(const Frame& frame, const Stamp& stamp) {
    auto why = clips.why_over(stamp.source, stamp.pts);
    if (!encoder->fits(frame)) why = "the size or the colours of the frames changed";
    if (why.empty()) return;
    log(LogLevel::Warning, why + ": clips begin and end there");
    end_stream();
  }

  void encode(const Frame& frame, const Stamp& stamp) {
    const bool key = stamp.pts >= next_key;
    encoder->encode(frame, stamp.pts, [this](AVPacket& packet) { clips.add(packet); }, key);
    clips.note(stamp.source, stamp.pts);
    if (key) next_key = stamp.pts + kKeyInterval;
  }

  void drain() {
    clips.keep_failure([&] {
      encoder->drain([this](AVPacket& packet) { clips.add(packet); }, [this] { return limit->passed(); });
    });
    const auto left_out = encoder->held();
    if (left_out == 0) return;
    context->counters.drop(NodeDropCause::Stop, static_cast<std::uint64_t>(left_out));
    log(LogLevel::Warning, "the encoder did not give the last " + std::to_string(left_out) +
                               " frames within 3 s after the stop: clips lack them");
  }

  /// Writes the encoder's remaining packets and ends all clips: no frame of this kind follows.
  void end_stream() {
    clips.take_orders();
    drain();
    clips.end_stream();
    encoder.reset();
  }

  void finish() {
    clips.orders().end();
    if (!context->stop.stop_requested() || !clips.orders().end_if_none()) {
      clips.keep_failure([&] {
        if (pending) start(0);
      });
      if (encoder) end_stream();
    }
    pending.reset();
    encoder.reset();  // with its threads: the recorder may live long after its pipeline
    clips.finish();
  }

  ClipOptions options;

  // The node's thread.
  std::optional<Context> context;  // from open() on; it lives longer than the node
  std::optional<DrainLimit> limit;
  std::unique_ptr<FrameEncoder> encoder;  // started
  std::optional<Pending> pending;
  double next_key = 0;  // the first frame from this pts on is a keyframe

  Clips clips;
};

ClipRecorder::ClipRecorder(ClipOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}

ClipRecorder::~ClipRecorder() = default;

void ClipRecorder::save(const std::string& path, std::optional<double> pts) {
  media::check_clip_name(path, impl_->options);
  impl_->clips.orders().save(path, pts);
}

std::vector<std::string> ClipRecorder::writing() const {
  return impl_->clips.orders().paths();
}

void ClipRecorder::open(const Context& context) {
  impl_->context.emplace(context);
  impl_->limit.emplace(context);
  impl_->clips.orders().begin();
}

std::optional<Nothing> ClipRecorder::process(const Sample<Frame>& sample, const Context& /*context*/) {
  impl_->write(sample.value, sample.stamp);
  return std::nullopt;
}

std::optional<TimePoint> ClipRecorder::idle_at() const {
  return impl_->clips.idle_at();
}

void ClipRecorder::idle(const Context& /*context*/) {
  impl_->idle();
}

std::string ClipRecorder::way_to_be_faster() const {
  const auto codec = media::codec_name(media::clip_container(), media::clip_encoding(impl_->options));
  return media::way_to_encode_faster(codec, impl_->options.preset);
}

void ClipRecorder::close() {
  impl_->finish();
}

}  // namespace freshframe
