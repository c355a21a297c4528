// The sink that writes frames to a video file.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/log.hpp"
#include "freshframe/media.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "core/seconds_text.hpp"
#include "media/ffmpeg/video_encoder.hpp"
#include "media/file/number_pattern.hpp"
#include "media/file/video_file_codec.hpp"

namespace freshframe {
namespace {

using media::check_video_file;
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

void check_segment(const std::string& path, std::optional<double> segment) {
  constexpr double kShortest = 1;  // seconds
  if (segment && !(*segment >= kShortest)) {
    throw OptionError("segment of a video file must be at least 1 second, got " +
                      core::seconds_text(*segment));
  }
  const bool numbered = NumberPattern::is_one(path);
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

  void open() {
    name = names ? names->next() : path;
    encoder = std::make_unique<VideoEncoder>(name, options);
    if (names) names->taken();
  }

  void write(const Frame& frame, double pts) {
    if (!frame) throw Error("cannot write to '" + path + "': the sample has no frame");
    if (!std::isfinite(pts)) throw Error("cannot write to '" + path + "': a frame's pts is not a number");
    if (names && began && pts >= *began + *options.segment) end_segment();
    if (!encoder) open();
    if (!began) began = pts;
    if (!encoder->started() && !fps) {
      if (!pending) {
        encoder->check_size(frame.picture_format());
        pending = Pending{frame, pts};
        return;
      }
      const double step = pts - pending->pts;
      fps = step > 0 ? 1 / step : kFallbackFps;
      start(*fps);
    } else if (!encoder->started()) {
      encoder->start(frame, *fps);
    }
    encoder->encode(frame, pts);
  }

  void start(double rate) {
    const auto first = std::exchange(pending, std::nullopt);
    encoder->start(first->frame, rate);
    encoder->encode(first->frame, first->pts);
  }

  /// The next file starts even when this one cannot be closed.
  void end_segment() {
    began.reset();
    fps = options.fps;
    finish();
  }

  void finish() {
    if (!encoder) return;
    const auto last = std::move(encoder);  // destroyed afterwards in any case
    if (const auto first = std::exchange(pending, std::nullopt)) {
      last->start(first->frame, fps.value_or(kFallbackFps));
      last->encode(first->frame, first->pts);
    }
    if (!last->started()) {
      log(LogLevel::Warning, "no frame was written: '" + name +
                                 (last->had_content() ? "' keeps its old content" : "' is empty"));
    }
    last->finish();
  }

  std::string path;  // of segments: the pattern of their names
  std::string name;  // of the file
  VideoFileOptions options;
  std::optional<SegmentNames> names;  // of segments
  std::optional<double> fps = options.fps;
  std::optional<double> began;  // pts of the first frame of the file
  std::unique_ptr<VideoEncoder> encoder;
  std::optional<Pending> pending;
};

VideoFile::VideoFile(std::string path, const VideoFileOptions& options)
    : impl_(std::make_unique<Impl>(std::move(path), options)) {}

VideoFile::~VideoFile() = default;

std::optional<std::string> VideoFile::records_to() const {
  return impl_->path;
}

void VideoFile::open(const Context& /*context*/) {
  impl_->open();
}

std::optional<Nothing> VideoFile::process(const Sample<Frame>& sample, const Context& /*context*/) {
  impl_->write(sample.value, sample.stamp.pts);
  return std::nullopt;
}

void VideoFile::close() {
  impl_->finish();
}

}  // namespace freshframe
