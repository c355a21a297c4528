// The sink that writes frames to a video file.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/log.hpp"
#include "freshframe/media.hpp"

#include <cmath>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "core/unit_text.hpp"
#include "media/ffmpeg/write/video_encoder.hpp"
#include "media/recording/drain_limit.hpp"
#include "media/recording/encoding.hpp"
#include "media/recording/recording_files.hpp"

namespace freshframe {
namespace {

using media::check_video_file;
using media::DiskRoom;
using media::DrainLimit;
using media::kFallbackFps;
using media::RecordingFiles;
using media::VideoEncoder;

}  // namespace

struct VideoFile::Impl {
  /// The first frame waits for the second: their distance is the nominal rate.
  struct Pending {
    Frame frame;
    double pts = 0;
  };

  Impl(std::string file, const VideoFileOptions& wanted) : options(wanted), files(std::move(file), wanted) {
    check_video_file(files.path(), options);
    media::tell_chosen_codec(files.path(), options.codec);
  }

  void open(const Context& context) {
    limit.emplace(context);
    counters = &context.counters;
    files.open(context, [this](const std::string& name) { const VideoEncoder tried(name, options); });
    if (!files.segment()) open_file();
  }

  void open_file() {
    files.begin([this](const std::string& name, DiskRoom* room) {
      encoder = std::make_unique<VideoEncoder>(name, options, room);
    });
  }

  void write(const Frame& frame, const Stamp& stamp) {
    const double pts = stamp.pts;
    if (failure) std::rethrow_exception(std::exchange(failure, nullptr));
    if (!frame) throw Error("cannot write to '" + files.path() + "': the sample has no frame");
    if (!std::isfinite(pts))
      throw Error("cannot write to '" + files.path() + "': a frame's pts is not a number");
    if (pending) start(pts - pending->pts);
    if (files.segment() && began && pts >= *began + *files.segment()) end_file();
    if (encoder && encoder->started() && !encoder->can_continue(pts)) end_at_pause(pts);
    if (!encoder) open_file();
    if (!began) began = pts;
    if (!encoder->started() && !fps) {
      encoder->check_size(frame.picture_format());
      files.note(stamp);
      pending = Pending{frame, pts};
      return;
    }
    if (!encoder->started()) encoder->start(frame, *fps);
    encoder->encode(frame, pts);
    files.note(stamp);
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
    const auto last = files.name();
    const auto pause = core::seconds_text(pts - newest);
    end_file();
    open_file();
    log(LogLevel::Warning, "there was no frame for " + pause + ", and '" + last +
                               "' has no room for such a pause: it ends there, and '" + files.name() +
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
      if (files.name().empty())
        log(LogLevel::Warning, "no frame was written: '" + files.path() + "' was not made");
      return;
    }
    if (failure) std::rethrow_exception(std::exchange(failure, nullptr));
    if (pending) start(0);
    const auto last = std::move(encoder);  // destroyed afterwards in any case
    if (!last->started()) {
      log(LogLevel::Warning, "no frame was written: '" + files.name() +
                                 (last->had_content() ? "' keeps its old content" : "' was not made"));
    }
    std::int64_t left_out = 0;
    files.end(last->started(), [&] { left_out = last->finish([this] { return limit->passed(); }); });
    if (left_out == 0) return;
    counters->drop(NodeDropCause::Stop, static_cast<std::uint64_t>(left_out));
    log(LogLevel::Warning, "the encoder did not give the last " + std::to_string(left_out) + " frames of '" +
                               files.name() + "' within 3 s after the stop: they are not in the file");
  }

  VideoFileOptions options;
  RecordingFiles files;  // outlives encoder
  std::optional<double> fps = options.fps;
  std::optional<double> began;       // pts of the first frame of the file
  double newest = 0;                 // pts of the last frame
  std::optional<TimePoint> written;  // when the last frame was
  bool paused = false;
  std::optional<DrainLimit> limit;
  NodeCounters* counters = nullptr;
  std::exception_ptr failure;
  std::unique_ptr<VideoEncoder> encoder;
  std::optional<Pending> pending;
};

VideoFile::VideoFile(std::string path, const VideoFileOptions& options)
    : impl_(std::make_unique<Impl>(std::move(path), options)) {}

VideoFile::~VideoFile() = default;

std::optional<std::string> VideoFile::records_to() const {
  return impl_->files.path();
}

std::string VideoFile::way_to_be_faster() const {
  return media::way_to_encode_faster(media::video_file_codec(impl_->files.path(), impl_->options.codec),
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
  impl_->files.close([this] { impl_->finish(); });
}

std::optional<Segment> VideoFile::next_segment() {
  return impl_->files.next_segment();
}

}  // namespace freshframe
