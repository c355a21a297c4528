// The sink that writes frames to a video file.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/log.hpp"
#include "freshframe/media.hpp"

#include <cerrno>
#include <cmath>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "core/unit_text.hpp"
#include "media/ffmpeg/write/video_encoder.hpp"
#include "media/recording/drain_limit.hpp"
#include "media/recording/segments/finished_segments.hpp"
#include "media/recording/segments/pattern_claim.hpp"
#include "media/recording/segments/retention.hpp"
#include "media/recording/segments/segment_facts.hpp"
#include "media/recording/segments/segment_names.hpp"
#include "media/recording/video_file_codec.hpp"
#include <unistd.h>

namespace freshframe {
namespace {

using media::check_video_file;
using media::DrainLimit;
using media::FinishedSegments;
using media::kFallbackFps;
using media::PatternClaim;
using media::Retention;
using media::SegmentFacts;
using media::SegmentNames;
using media::SegmentPattern;
using media::VideoEncoder;

/// The first of "out_2.mp4", "out_3.mp4", ... that does not exist.
std::string continued(const std::string& path) {
  const auto name = std::filesystem::path(path);
  for (int number = 2;; ++number) {
    const auto next = name.parent_path() /
                      (name.stem().string() + "_" + std::to_string(number) + name.extension().string());
    std::error_code error;
    if (!std::filesystem::exists(next, error)) return next.string();
  }
}

void check_segment(const std::string& path, const VideoFileOptions& options) {
  constexpr double kShortest = 1;  // seconds
  const auto& segment = options.segment;
  if (segment && !(*segment >= kShortest)) {
    throw OptionError("segment of a video file must be at least 1 second, got " +
                      core::seconds_text(*segment));
  }
  const bool is_pattern = SegmentPattern::is_one(path);
  const auto other = SegmentPattern::other_field(path);
  if (!other.empty() && (segment || is_pattern)) {
    throw OptionError(
        "cannot write '" + path + "': " + other +
        " is not possible in the name of a segment; a number is written %d (1, 2, ... 10) or %05d "
        "(00001), a time {time:%Y-%m-%d}, and a percent sign %%");
  }
  if (segment && !is_pattern) {
    throw OptionError(
        "segments need a number or a time in the name of the file, such as 'out_%05d.mp4' or "
        "'{time:%Y-%m-%d}/{time:%H-%M-%S}.mp4', got '" +
        path + "'");
  }
  if (!segment && is_pattern) {
    throw OptionError("cannot write '" + path +
                      "': a number or a time in the name is for segments, and segment, their length in "
                      "seconds, is not given");
  }
  if (!segment && options.keep)
    throw OptionError("keep deletes old segments of '" + path + "', and segment, their length, is not given");
}

std::uint64_t length_of(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return error ? 0 : size;
}

}  // namespace

struct VideoFile::Impl {
  /// The first frame waits for the second: their distance is the nominal rate.
  struct Pending {
    Frame frame;
    double pts = 0;
  };

  Impl(std::string file, const VideoFileOptions& wanted) : path(std::move(file)), options(wanted) {
    check_segment(path, options);
    if (options.keep) media::check_keep(*options.keep);
    check_video_file(path, options);
    media::tell_chosen_codec(path, options.codec);
    if (options.segment) names.emplace(path);
  }

  void open(const Context& context) {
    limit.emplace(context);
    counters = &context.counters;
    clock = &context.clock;
    if (names) {
      claim = PatternClaim::of(names->pattern(), options.keep.has_value());
      if (!claim) {
        throw Error("cannot write '" + path +
                    "': another recorder of this process can write a file of the same name, and keep of one "
                    "of them would delete it; give them different names");
      }
      if (options.keep) retention = std::make_unique<Retention>(names->pattern(), *options.keep);
    }
    try_to_open();
  }

  /// A segment is made with its first frame. That it cannot be written is an error before.
  void try_to_open() {
    if (!names) return open_file();
    const auto& base = names->pattern().base();
    if (names->pattern().depth() == 0) {
      const VideoEncoder tried(names->path_of(names->next(now())), options);  // removes it, too
    } else if (::access(base.c_str(), W_OK | X_OK) != 0) {
      throw Error("cannot create '" + path + "': " + std::generic_category().message(errno) + ": '" + base +
                  "'");
    }
  }

  [[nodiscard]] double now() const { return clock->unix_time(clock->now()); }

  void open_file() {
    if (!names) {
      auto next = name.empty() ? path : continued(path);
      encoder = std::make_unique<VideoEncoder>(next, options);
      name = std::move(next);
      return;
    }
    const auto next = names->next(now());
    if (retention) retention->begin(next);
    names->make_folders(next);
    encoder = std::make_unique<VideoEncoder>(names->path_of(next), options, retention.get());
    name = names->path_of(next);
    names->taken();
  }

  void write(const Frame& frame, const Stamp& stamp) {
    const double pts = stamp.pts;
    if (failure) std::rethrow_exception(std::exchange(failure, nullptr));
    if (!frame) throw Error("cannot write to '" + path + "': the sample has no frame");
    if (!std::isfinite(pts)) throw Error("cannot write to '" + path + "': a frame's pts is not a number");
    if (pending) start(pts - pending->pts);
    if (names && began && pts >= *began + *options.segment) end_file();
    if (encoder && encoder->started() && !encoder->can_continue(pts)) end_at_pause(pts);
    if (!encoder) open_file();
    if (!began) began = pts;
    if (!encoder->started() && !fps) {
      encoder->check_size(frame.picture_format());
      facts.note(stamp);
      pending = Pending{frame, pts};
      return;
    }
    if (!encoder->started()) encoder->start(frame, *fps);
    encoder->encode(frame, pts);
    facts.note(stamp);
  }

  /// `step`: seconds from the first frame to the second.
  void start(double step) {
    fps = step > 0 ? 1 / step : kFallbackFps;
    const auto first = std::exchange(pending, std::nullopt);
    encoder->start(first->frame, *fps);
    encoder->encode(first->frame, first->pts);
  }

  /// The next file starts even when this one cannot be closed.
  void end_file() {
    began.reset();
    fps = options.fps;
    finish();
  }

  void end_at_pause(double pts) {
    const auto last = name;
    const auto pause = core::seconds_text(pts - newest);
    end_file();
    open_file();
    log(LogLevel::Warning, "there was no frame for " + pause + ", and '" + last +
                               "' has no room for such a pause: it ends there, and '" + name +
                               "' continues it");
  }

  /// A process that is killed while the source is away loses no frame that came before. A failure is thrown
  /// with the next frame, which on_error may skip.
  void pause() noexcept {
    paused = true;
    try {
      if (encoder && encoder->started()) encoder->pause();
    } catch (const std::exception&) {
      failure = std::current_exception();
    }
  }

  /// The file ends, or no file was ever begun.
  void finish() {
    if (!encoder) {
      if (name.empty()) log(LogLevel::Warning, "no frame was written: '" + path + "' was not made");
      return;
    }
    if (failure) std::rethrow_exception(std::exchange(failure, nullptr));
    if (pending) start(0);
    const auto last = std::move(encoder);  // destroyed afterwards in any case
    if (!last->started()) {
      log(LogLevel::Warning, "no frame was written: '" + name +
                                 (last->had_content() ? "' keeps its old content" : "' was not made"));
    }
    const auto left_out = finish(*last);
    if (left_out == 0) return;
    counters->drop(NodeDropCause::Stop, static_cast<std::uint64_t>(left_out));
    log(LogLevel::Warning, "the encoder did not give the last " + std::to_string(left_out) + " frames of '" +
                               name + "' within 3 s after the stop: they are not in the file");
  }

  std::int64_t finish(VideoEncoder& last) {
    struct Ended {
      ~Ended() {
        if (retention != nullptr) retention->finish();
      }
      Retention* retention;
    };
    const bool has_frames = last.started();
    std::int64_t left_out = 0;
    {
      const Ended ended{retention.get()};
      left_out = last.finish([this] { return limit->passed(); });
    }
    auto segment = facts.take(name, length_of(name));
    if (has_frames && names && options.reports_segments && !finished.add(std::move(segment))) {
      log(LogLevel::Warning,
          "on_segment of '" + path + "' does not return: it is not told the oldest segments");
    }
    return left_out;
  }

  void close() {
    struct Closed {
      ~Closed() { segments.close(); }
      FinishedSegments& segments;
    };
    const Closed closed{finished};
    finish();
    retention.reset();
    claim.reset();
  }

  std::string path;  // of segments: the pattern of their names
  std::string name;  // of the file
  VideoFileOptions options;
  std::optional<SegmentNames> names;  // of segments
  std::optional<double> fps = options.fps;
  std::optional<double> began;       // pts of the first frame of the file
  double newest = 0;                 // pts of the last frame
  std::optional<TimePoint> written;  // when the last frame was
  bool paused = false;
  std::optional<DrainLimit> limit;
  NodeCounters* counters = nullptr;
  const Clock* clock = nullptr;
  std::exception_ptr failure;
  SegmentFacts facts;
  FinishedSegments finished;
  std::optional<PatternClaim> claim;
  std::unique_ptr<Retention> retention;  // outlives encoder
  std::unique_ptr<VideoEncoder> encoder;
  std::optional<Pending> pending;
};

VideoFile::VideoFile(std::string path, const VideoFileOptions& options)
    : impl_(std::make_unique<Impl>(std::move(path), options)) {}

VideoFile::~VideoFile() = default;

std::optional<std::string> VideoFile::records_to() const {
  return impl_->path;
}

std::string VideoFile::way_to_be_faster() const {
  return media::way_to_encode_faster(media::video_file_codec(impl_->path, impl_->options.codec),
                                     impl_->options.speed);
}

void VideoFile::open(const Context& context) {
  impl_->open(context);
}

std::optional<Nothing> VideoFile::process(const Sample<Frame>& sample, const Context& context) {
  impl_->paused = false;
  impl_->write(sample.value, sample.stamp);
  impl_->newest = sample.stamp.pts;
  impl_->written = context.clock.now();
  return std::nullopt;
}

std::optional<TimePoint> VideoFile::idle_at() const {
  if (impl_->paused || !impl_->written) return std::nullopt;
  return *impl_->written + to_duration(Seconds(media::kPause));
}

void VideoFile::idle(const Context& /*context*/) {
  impl_->pause();
}

void VideoFile::close() {
  impl_->close();
}

std::optional<Segment> VideoFile::next_segment() {
  return impl_->finished.next();
}

}  // namespace freshframe
