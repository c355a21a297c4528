// The sink that writes frames to a video file.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/log.hpp"
#include "freshframe/media.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "media/ffmpeg/video_encoder.hpp"

namespace freshframe {
namespace {

using media::check_video_file;
using media::VideoEncoder;

constexpr double kFallbackFps = 25;  // of a file with a single frame

}  // namespace

struct VideoFile::Impl {
  /// The first frame waits for the second: their distance is the nominal rate.
  struct Pending {
    Frame frame;
    double pts = 0;
  };

  Impl(std::string file, const VideoFileOptions& wanted) : path(std::move(file)), options(wanted) {
    check_video_file(path, options);
  }

  void write(const Frame& frame, double pts) {
    if (!frame) throw Error("cannot write to '" + path + "': the sample has no frame");
    if (!encoder->started() && !options.fps) {
      if (!pending) {
        encoder->check_size(frame.picture_format());
        pending = Pending{frame, pts};
        return;
      }
      const double step = pts - pending->pts;
      start(step > 0 ? 1 / step : kFallbackFps);
    } else if (!encoder->started()) {
      encoder->start(frame, *options.fps);
    }
    encoder->encode(frame, pts);
  }

  void start(double fps) {
    const auto first = std::exchange(pending, std::nullopt);
    encoder->start(first->frame, fps);
    encoder->encode(first->frame, first->pts);
  }

  void finish() {
    if (!encoder) return;
    if (pending) start(kFallbackFps);
    if (!encoder->started()) {
      log(LogLevel::Warning, "no frame was written: '" + path +
                                 (encoder->had_content() ? "' keeps what it held" : "' is empty"));
    }
    const auto last = std::move(encoder);  // gone afterwards, whatever happens
    last->finish();
  }

  std::string path;
  VideoFileOptions options;
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
  impl_->encoder = std::make_unique<VideoEncoder>(impl_->path, impl_->options);
}

std::optional<Nothing> VideoFile::process(const Sample<Frame>& sample, const Context& /*context*/) {
  impl_->write(sample.value, sample.stamp.pts);
  return std::nullopt;
}

void VideoFile::close() {
  impl_->finish();
}

}  // namespace freshframe
