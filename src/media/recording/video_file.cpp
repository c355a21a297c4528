// The sink that writes frames to a video file.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/log.hpp"
#include "freshframe/media.hpp"

#include <algorithm>
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
#include "media/pictures/number_pattern.hpp"
#include "media/recording/drain_limit.hpp"
#include "media/recording/video_file_codec.hpp"

namespace freshframe {
namespace {

using media::check_video_file;
using media::DrainLimit;
using media::kFallbackFps;
using media::NumberPattern;
using media::VideoEncoder;

/// Names of segments, from the number after the highest existing one.
class SegmentNames {
 public:
  explicit SegmentNames(const std::string& path) : path_(path), pattern_(path, path) {}

  /// A file that does not exist, even if another program has written some since. The same until taken().
  [[nodiscard]] std::string next() {
    if (next_ == 0) next_ = highest() + 1;
    for (;; ++next_) {
      const auto name = pattern_.name_of(next_);
      if (!pattern_.number_of(name)) {
        throw Error("cannot write '" + path_ + "': no number is left, the folder has a file with number " +
                    std::to_string(next_ - 1));
      }
      const auto path = pattern_.folder() + "/" + name;
      std::error_code error;
      if (!std::filesystem::exists(path, error)) return path;
    }
  }
  void taken() { ++next_; }

 private:
  /// 0 when there is no file.
  [[nodiscard]] std::int64_t highest() const {
    std::int64_t found = 0;
    std::error_code error;  // a folder that cannot be read: opening the file gives the reason
    for (const auto& entry : std::filesystem::directory_iterator(pattern_.folder(), error))
      found = std::max(found, pattern_.number_of(entry.path().filename().string()).value_or(0));
    return found;
  }

  std::string path_;
  NumberPattern pattern_;
  std::int64_t next_ = 0;
};

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

void check_segment(const std::string& path, std::optional<double> segment) {
  constexpr double kShortest = 1;  // seconds
  if (segment && !(*segment >= kShortest)) {
    throw OptionError("segment of a video file must be at least 1 second, got " +
                      core::seconds_text(*segment));
  }
  const bool numbered = NumberPattern::is_one(path);
  const auto other = NumberPattern::other_field(path);
  if (!other.empty() && (segment || numbered)) {
    throw OptionError(
        "cannot write '" + path + "': " + other +
        " is not possible in the name of a segment; a number is written %d (1, 2, ... 10) or %05d "
        "(00001), and a percent sign %%");
  }
  if (segment && !numbered) {
    throw OptionError("segments need a number in the name of the file, such as 'out_%05d.mp4', got '" + path +
                      "'");
  }
  if (!segment && numbered) {
    throw OptionError("cannot write '" + path +
                      "': a number in the name is for segments, and segment, their length in seconds, is not "
                      "given");
  }
}

}  // namespace

struct VideoFile::Impl {
  /// The first frame waits for the second: their distance is the nominal rate.
  struct Pending {
    Frame frame;
    double pts = 0;
  };

  Impl(std::string file, const VideoFileOptions& wanted) : path(std::move(file)), options(wanted) {
    check_segment(path, options.segment);
    check_video_file(path, options);
    media::tell_chosen_codec(path, options.codec);
    if (options.segment) names.emplace(path);
  }

  void open(const Context& context) {
    limit.emplace(context);
    counters = &context.counters;
    open_file();
  }

  void open_file() {
    auto next = names ? names->next() : name.empty() ? path : continued(path);
    encoder = std::make_unique<VideoEncoder>(next, options);
    name = std::move(next);
    if (names) names->taken();
  }

  void write(const Frame& frame, double pts) {
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
      pending = Pending{frame, pts};
      return;
    }
    if (!encoder->started()) encoder->start(frame, *fps);
    encoder->encode(frame, pts);
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

  void finish() {
    if (!encoder) return;
    if (failure) std::rethrow_exception(std::exchange(failure, nullptr));
    if (pending) start(0);
    const auto last = std::move(encoder);  // destroyed afterwards in any case
    if (!last->started()) {
      log(LogLevel::Warning, "no frame was written: '" + name +
                                 (last->had_content() ? "' keeps its old content" : "' was not made"));
    }
    const auto left_out = last->finish([this] { return limit->passed(); });
    if (left_out == 0) return;
    counters->drop(NodeDropCause::Stop, static_cast<std::uint64_t>(left_out));
    log(LogLevel::Warning, "the encoder did not give the last " + std::to_string(left_out) + " frames of '" +
                               name + "' within 3 s after the stop: they are not in the file");
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
  std::exception_ptr failure;
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
  impl_->write(sample.value, sample.stamp.pts);
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
  impl_->finish();
}

}  // namespace freshframe
