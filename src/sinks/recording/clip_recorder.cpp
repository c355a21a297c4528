// The sink that keeps the last seconds of a stream and writes clips of them. It encodes frames, and copies a
// camera's packets.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/log.hpp"
#include "freshframe/media.hpp"
#include "freshframe/packet.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "media/ffmpeg/write/frame_encoder.hpp"
#include "media/packets/two_forms.hpp"
#include "sinks/recording/clips.hpp"
#include "sinks/recording/encoding.hpp"
#include "sinks/recording/packet_forms.hpp"

namespace freshframe::media {
namespace {

constexpr double kClipKeyInterval = 1.0;  // seconds between keyframes: a clip begins at a keyframe
constexpr const char* kTheClips = "the clips";

ClipStream make_clip_stream(const AVCodecContext& encoder, double first_pts, Dictionary options) {
  CodecParametersPtr codec(avcodec_parameters_alloc());
  if (!codec || avcodec_parameters_from_context(codec.get(), &encoder) < 0) throw std::bad_alloc();
  return {.codec = std::move(codec),
          .time_base = encoder.time_base,
          .rate = encoder.framerate,
          .first_pts = first_pts,
          .options = std::move(options)};
}

/// A ClipRecorder on a port of frames. The encoder always runs, so that the last seconds are available when
/// save() is called. If the frame size changes or time jumps, its stream and all clips end, and the next
/// frame starts another encoder: packets of two encoders cannot be in one file.
struct FrameClips {
  /// The first frame is held back until the second arrives: their distance determines the nominal frame rate.
  struct Pending {
    Frame frame;
    Stamp stamp;
    std::unique_ptr<FrameEncoder> encoder;  // not open yet
  };

  explicit FrameClips(const ClipOptions& wanted) : options(wanted), clips(options) {
    check_encoding(kTheClips, clip_container(), clip_encoding(options));
    check_either_keep_names(options);  // set_input() may choose packets
  }

  void check_chosen() const { check_keep_names(options); }
  void check_name(const std::string& path) const { check_clip_name(path, options); }
  [[nodiscard]] std::string way_to_be_faster() const {
    return way_to_encode_faster(codec_name(clip_container(), clip_encoding(options)), options.preset);
  }

  void open(const Context& given) {
    context.emplace(given);
    limit.emplace(given);
    clips.open();
  }

  void write(const Frame& frame, const Stamp& stamp) {
    clips.note_arrival(context->clock.now());
    if (context->stop.stop_requested() && clips.orders().end_if_none()) return;
    if (!frame) throw Error("cannot write the clips: the sample has no frame");
    if (!std::isfinite(stamp.pts))
      throw Error("cannot write the clips: the pts of a frame must be a finite number of seconds, got " +
                  std::to_string(stamp.pts));
    if (pending) start(pending->stamp.source == stamp.source ? stamp.pts - pending->stamp.pts : 0);
    if (clips.take_pause()) next_key = stamp.pts;
    if (encoder) end_what_cannot_go_on(frame, stamp);
    if (encoder) {
      encode(frame, stamp);
      clips.take_orders();
    } else {
      auto next = std::make_unique<FrameEncoder>(kTheClips, clip_container(), closed_groups(options));
      next->check_size(frame.picture_format());
      pending = Pending{frame, stamp, std::move(next)};
    }
    clips.throw_failure();
  }

  /// A failure is thrown at the next frame, where on_error may skip it. While the source is disconnected,
  /// save() can still write the seconds before.
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
      clips.begin_stream(make_clip_stream(encoder->codec(), first.stamp.pts, std::move(muxer_options)));
      next_key = first.stamp.pts;
      encode(first.frame, first.stamp);
    } catch (...) {
      context->counters.drop(NodeDropCause::Lost);  // the first frame; the thrown error counts for the second
      throw;
    }
  }

  void end_what_cannot_go_on(const Frame& frame, const Stamp& stamp) {
    auto why = clips.why_over(stamp.source, stamp.pts);
    if (!encoder->fits(frame)) why = "the size or the colours of the frames changed";
    if (why.empty()) return;
    log(LogLevel::Warning, why + ": clips start and end there");
    end_stream();
  }

  void encode(const Frame& frame, const Stamp& stamp) {
    const bool key = stamp.pts >= next_key;
    const auto held = encoder->held();
    try {
      encoder->encode(frame, stamp.pts, [this](AVPacket& packet) { clips.add(packet); }, key);
    } catch (...) {
      if (encoder->has_failed()) give_up(std::min(held, encoder->held()));
      throw;
    }
    clips.note(stamp.source, stamp.pts);
    if (key) next_key = stamp.pts + kClipKeyInterval;
  }

  /// Drops the encoder; the next frame creates another. `held`: frames lost inside the failed one.
  void give_up(std::int64_t held) {
    if (held > 0) context->counters.drop(NodeDropCause::Lost, static_cast<std::uint64_t>(held));
    clips.end_stream();
    encoder.reset();
  }

  void drain() {
    clips.keep_failure([&] {
      encoder->drain([this](AVPacket& packet) { clips.add(packet); }, [this] { return limit->has_passed(); });
    });
    const auto left_out = encoder->held();
    if (left_out == 0) return;
    if (encoder->has_failed())
      return context->counters.drop(NodeDropCause::Lost, static_cast<std::uint64_t>(left_out));
    context->counters.drop(NodeDropCause::Stop, static_cast<std::uint64_t>(left_out));
    log(LogLevel::Warning, "the encoder did not return the last " + std::to_string(left_out) +
                               " frames within 3 s after the stop: they are missing from clips");
  }

  /// Flushes the encoder and ends all clips.
  void end_stream() {
    clips.take_orders();
    drain();
    clips.end_stream();
    encoder.reset();
  }

  void finish() {
    clips.orders().end_orders();
    if (!context->stop.stop_requested() || !clips.orders().end_if_none()) {
      clips.keep_failure([&] {
        if (pending) start(0);
      });
      if (encoder) end_stream();
    }
    pending.reset();
    encoder.reset();  // frees its threads: the recorder may outlive its pipeline for long
    clips.finish();
  }

  ClipOptions options;

  // Used on the node's thread.
  std::optional<Context> context;  // set by open(); outlives the node
  std::optional<DrainLimit> limit;
  std::unique_ptr<FrameEncoder> encoder;  // open
  std::optional<Pending> pending;
  double next_key = 0;  // the first frame at or after this pts becomes a keyframe

  Clips clips;
};

}  // namespace
}  // namespace freshframe::media

namespace freshframe {

struct ClipRecorder::Impl : media::TwoForms<media::FrameClips, media::PacketClips> {
  using TwoForms::TwoForms;
};

ClipRecorder::ClipRecorder(const ClipOptions& options) : impl_(std::make_unique<Impl>(options)) {}

ClipRecorder::~ClipRecorder() = default;

void ClipRecorder::save(const std::string& path, std::optional<double> pts) {
  impl_->with([&](auto& form) {
    form.check_name(path);
    form.clips.orders().save(path, pts);
  });
}

std::vector<std::string> ClipRecorder::writing() const {
  return impl_->with([](auto& form) { return form.clips.orders().paths(); });
}

NodeContract ClipRecorder::contract() const {
  return {.needs_one_source = true, .records = true, .way_to_be_faster = impl_->with([](auto& form) {
            return form.way_to_be_faster();
          })};
}

std::vector<const TypeInfo*> ClipRecorder::input_types() const {
  return impl_->input_types();
}

void ClipRecorder::set_input(const TypeInfo* type) {
  impl_->set_input(type);
}

void ClipRecorder::open(const Context& context) {
  impl_->with([&](auto& form) { form.open(context); });
}

std::optional<Nothing> ClipRecorder::process(const Sample<Frame>& sample, const Context& /*context*/) {
  impl_->get_frames().write(sample.value, sample.stamp);
  return std::nullopt;
}

std::optional<Nothing> ClipRecorder::process(const Sample<Packet>& sample, const Context& /*context*/) {
  impl_->get_packets().write(sample);
  return std::nullopt;
}

std::optional<TimePoint> ClipRecorder::idle_at() const {
  return impl_->with([](auto& form) { return form.clips.idle_at(); });
}

void ClipRecorder::idle(const Context& /*context*/) {
  impl_->with([](auto& form) { form.idle(); });
}

void ClipRecorder::close() {
  impl_->with([](auto& form) { form.finish(); });
}

}  // namespace freshframe
