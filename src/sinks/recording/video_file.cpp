// The sink that writes video files. It encodes frames, and copies a camera's packets.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/log.hpp"
#include "freshframe/media.hpp"
#include "freshframe/node.hpp"
#include "freshframe/packet.hpp"

#include <cmath>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/unit_text.hpp"
#include "media/ffmpeg/write/frame_encoder.hpp"
#include "media/ffmpeg/write/video_encoder.hpp"
#include "media/packets/two_forms.hpp"
#include "sinks/recording/encoding.hpp"
#include "sinks/recording/packet_forms.hpp"
#include "sinks/recording/recording_files.hpp"
#include "sinks/recording/time_lapse.hpp"

namespace freshframe::media {
namespace {

/// Minimum numbers of frames to judge the frame rate by: while a file is written, and when it ends.
constexpr std::int64_t kFewFrames = 10;
constexpr std::int64_t kFewestFrames = 4;

/// The part of a VideoFile that encodes decoded frames.
struct FrameFile {
  /// The first frame is held back until the second arrives: their distance determines the nominal frame rate.
  struct Pending {
    Frame frame;
    double pts = 0;
  };

  FrameFile(std::string file, const VideoFileOptions& wanted)
      : options(with_lapse_rate(wanted)), files(std::move(file), wanted) {
    check_video_file(files.path(), options);
    if (options.every) {
      if (!(*options.every > 0) || !std::isfinite(*options.every)) {
        throw OptionError("every of a video file must be a finite number of seconds above 0, got " +
                          core::number_text(*options.every, std::chars_format::general, 6));
      }
      lapse.emplace(*options.every, *options.fps);
      files.expect_gaps(*options.every);
    }
    tell_chosen_codec(files.path(), options.codec);
  }

  static VideoFileOptions with_lapse_rate(VideoFileOptions wanted) {
    constexpr double kLapseFps = 25;
    if (wanted.every && !wanted.fps) wanted.fps = kLapseFps;
    return wanted;
  }

  void open(const Context& context) {
    limit.emplace(context);
    counters = &context.counters;
    files.open(context, [this](const std::string& name, FileOpening opening) {
      const VideoEncoder tried(name, options, opening);
    });
    if (!files.segment()) open_file();
  }

  void open_file() {
    files.begin_file([this](const std::string& name, FileOpening opening) {
      encoder = std::make_unique<VideoEncoder>(name, options, opening);
    });
  }

  [[nodiscard]] std::string way_to_be_faster() const {
    return way_to_encode_faster(video_file_codec(files.path(), options.codec), options.preset);
  }

  void write(const Sample<Frame>& sample, const Context& context) {
    paused = false;
    written = context.clock.now();
    const auto shown = lapse ? lapse->take(sample.stamp) : sample.stamp.pts;
    if (!shown) return;
    write(sample.value, sample.stamp, *shown);
    newest = sample.stamp.pts;
    warn_about_rate(kFewFrames);
  }

  /// `shown`: seconds, the time of the frame in the file.
  void write(const Frame& frame, const Stamp& stamp, double shown) {
    if (failure) std::rethrow_exception(std::exchange(failure, nullptr));
    if (!frame) throw Error("cannot write to '" + files.path() + "': the sample has no frame");
    if (!std::isfinite(stamp.pts))
      throw Error("cannot write to '" + files.path() +
                  "': the pts of a frame must be a finite number of seconds, got " +
                  std::to_string(stamp.pts));
    try {
      put(frame, stamp, shown);
    } catch (...) {
      if (encoder && (encoder->has_failed() || is_starting)) give_up();
      throw;
    }
  }

  void put(const Frame& frame, const Stamp& stamp, double shown) {
    const double pts = stamp.pts;
    if (began) end_before_another_source(stamp);
    if (pending) start(pts - pending->pts);
    if (files.segment() && began) end_full_segment(frame, stamp);
    if (encoder && encoder->has_started() && !encoder->can_continue(shown)) end_at_pause(pts);
    if (!encoder) open_file();
    if (!encoder->has_started() && !fps) {
      encoder->check_size(frame.picture_format());
      pending = Pending{frame, pts};
    } else {
      if (!encoder->has_started()) encoder->start(frame, *fps);
      encoder->encode(frame, shown);
    }
    if (!began) began = pts;
    source = stamp.source;
    rate.note(pts);
    files.note(stamp, encoder->kept_count());
  }

  /// Ends the segment before a frame of another source, or one more than kToleratedStepBack earlier. Throws
  /// Error for another source if the recording is not split into segments.
  void end_before_another_source(const Stamp& stamp) {
    if (stamp.source == source && (!files.segment() || stamp.pts >= newest - kToleratedStepBack)) return;
    if (!files.segment()) throw Error(another_source(files.path(), "frames"));
    log(LogLevel::Warning,
        "'" + files.name() + "' ends: " +
            (stamp.source == source ? "the time of the source went back from " + core::seconds_text(newest) +
                                          " to " + core::seconds_text(stamp.pts)
                                    : "the next frames come from another source"));
    end_file();
  }

  void end_full_segment(const Frame& frame, const Stamp& stamp) {
    if (stamp.pts >= *began + files.segment_in_pts(stamp.pace)) return end_file();
    if (!encoder || !encoder->has_started() || encoder->fits(frame)) return;
    // a frame of a size that cannot be encoded must not end the file
    encoder->check_size(frame.picture_format());
    log(LogLevel::Warning, "'" + files.name() +
                               "' ends: the next frames have another size or other colours, " +
                               std::to_string(frame.width()) + "x" + std::to_string(frame.height()));
    end_file();
  }

  /// `step`: seconds from the first frame to the second.
  void start(double step) {
    fps = step > 0 ? 1 / step : kFallbackFps;
    is_starting = true;
    encoder->start(pending->frame, *fps);
    encoder->encode(pending->frame, pending->pts);
    is_starting = false;
    pending.reset();
  }

  /// Even if closing this file fails, the next frame starts another.
  void end_file() {
    finish();
    forget_file();
  }

  void warn_about_rate(std::int64_t least) {
    if (lapse) return;
    if (const auto fault = rate.find_fault(least))
      log(LogLevel::Warning, "'" + files.name() + "': " + *fault);
  }

  void forget_file() {
    rate.forget();
    pending.reset();
    began.reset();
    fps = options.fps;
  }

  /// Ends the file after a failure. Frames that are not in it count as lost. The next frame starts another
  /// file.
  void give_up() {
    encoder->give_up();
    is_starting = false;
    const SavedPart kept{
        .pictures = encoder->kept_count(), .bytes = encoder->bytes(), .place = encoder->place()};
    const auto lost = files.give_up(kept, [this] { encoder.reset(); });
    if (lost > 0) counters->drop(NodeDropCause::Lost, lost);
    forget_file();
  }

  void end_at_pause(double pts) {
    const auto last = files.name();
    const auto pause = core::seconds_text(pts - newest);
    end_file();
    open_file();
    log(LogLevel::Warning, "there was no frame for " + pause + ", and '" + last +
                               "' cannot store such a pause: it ends there, and '" + files.name() +
                               "' continues it");
  }

  [[nodiscard]] std::optional<TimePoint> idle_at() const {
    if (paused || !written) return std::nullopt;
    return *written + to_duration(Seconds(kPause));
  }

  /// Flushes the file when the source disconnects, so that nothing is lost if the process is killed then. A
  /// failure is thrown at the next frame, where on_error may skip it.
  void pause() noexcept {
    paused = true;
    try {
      if (encoder && encoder->has_started()) encoder->pause();
    } catch (const std::exception&) {
      failure = std::current_exception();
      if (encoder->has_failed()) give_up();
    }
  }

  /// Ends the recording.
  void close() {
    if (failure) std::rethrow_exception(std::exchange(failure, nullptr));
    if (encoder) return finish();
    if (files.name().empty())
      log(LogLevel::Warning, "no frame was written: '" + files.path() + "' was not created");
  }

  /// Ends the file.
  void finish() {
    try {
      if (pending) start(0);
      write_end();
    } catch (...) {
      give_up();
      throw;
    }
    encoder.reset();
  }

  void write_end() {
    warn_about_rate(kFewestFrames);
    if (!encoder->has_started()) {
      log(LogLevel::Warning, "no frame was written: '" + files.name() +
                                 (encoder->had_content() ? "' keeps its old content" : "' was not created"));
    }
    std::int64_t left_out = 0;
    files.end_file(encoder->has_started(), [&] {
      left_out = encoder->finish([this] { return limit->has_passed(); });
      return encoder->bytes();
    });
    if (left_out == 0) return;
    counters->drop(NodeDropCause::Stop, static_cast<std::uint64_t>(left_out));
    log(LogLevel::Warning, "the encoder did not return the last " + std::to_string(left_out) +
                               " frames of '" + files.name() +
                               "' within 3 s after the stop: they are not in the file");
  }

  VideoFileOptions options;
  RecordingFiles files;            // must outlive encoder
  std::optional<TimeLapse> lapse;  // with options.every
  NominalRate rate{options.fps};
  std::optional<double> fps = options.fps;
  std::optional<double> began;       // pts of the first frame of the file
  int source = -1;                   // source of the file's frames, see Stamp::source
  double newest = 0;                 // pts of the last frame
  std::optional<TimePoint> written;  // when the last frame was written
  bool paused = false;
  std::optional<DrainLimit> limit;
  NodeCounters* counters = nullptr;
  std::exception_ptr failure;
  std::unique_ptr<VideoEncoder> encoder;
  std::optional<Pending> pending;
  bool is_starting = false;  // on a failure, `pending` is lost and counts as part of the file
};

}  // namespace
}  // namespace freshframe::media

namespace freshframe {

struct VideoFile::Impl : media::TwoForms<media::FrameFile, media::PacketFile> {
  using TwoForms::TwoForms;
};

VideoFile::VideoFile(const std::string& path, const VideoFileOptions& options)
    : impl_(std::make_unique<Impl>(path, options)) {}

VideoFile::~VideoFile() = default;

std::vector<const TypeInfo*> VideoFile::input_types() const {
  return impl_->input_types();
}

void VideoFile::set_input(const TypeInfo* type) {
  impl_->set_input(type);
}

NodeContract VideoFile::contract() const {
  return impl_->with([](const auto& form) {
    return NodeContract{.needs_one_source = true,
                        .records_to = form.files.path(),
                        .way_to_be_faster = form.way_to_be_faster()};
  });
}

std::optional<Segment> VideoFile::next_segment() {
  return impl_->with([](auto& form) { return form.files.next_segment(); });
}

void VideoFile::open(const Context& context) {
  impl_->with([&](auto& form) { form.open(context); });
}

std::optional<Nothing> VideoFile::process(const Sample<Frame>& sample, const Context& context) {
  impl_->get_frames().write(sample, context);
  return std::nullopt;
}

std::optional<Nothing> VideoFile::process(const Sample<Packet>& sample, const Context& context) {
  impl_->get_packets().write(sample, context);
  return std::nullopt;
}

std::optional<TimePoint> VideoFile::idle_at() const {
  return impl_->with([](const auto& form) { return form.idle_at(); });
}

void VideoFile::idle(const Context& /*context*/) {
  impl_->with([](auto& form) { form.pause(); });
}

void VideoFile::close() {
  impl_->with([](auto& form) { form.files.close([&form] { form.close(); }); });
}

}  // namespace freshframe
