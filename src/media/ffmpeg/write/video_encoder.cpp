// Encodes frames into a container on disk.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/write/video_encoder.hpp"

#include "freshframe/error.hpp"

#include <exception>

#include "media/ffmpeg/log.hpp"

namespace freshframe::media {

void check_video_container(const std::string& path) {
  install_ffmpeg_log();
  const AVOutputFormat* container = find_container(path);
  if (container == nullptr || container->video_codec == AV_CODEC_ID_NONE ||
      (container->flags & AVFMT_NOFILE) != 0) {
    throw OptionError("cannot write video to '" + path +
                      "': its name must end in a video container's suffix, "
                      "such as .mp4, .mkv, .mov, .avi or .ts");
  }
}

void check_video_file(const std::string& path, const VideoFileOptions& options) {
  check_video_container(path);
  const AVOutputFormat* container = find_container(path);
  check_encoding("'" + path + "'", *container, options);
}

VideoEncoder::VideoEncoder(const std::string& path, const VideoFileOptions& options, FileOpening opening)
    : muxer_(path, opening), encoder_("'" + path + "'", muxer_.container(), options) {}

void VideoEncoder::start(const Frame& first, double fps) {
  const FfmpegErrorCapture errors;
  starting_ = true;
  auto options = encoder_.start(first, fps);
  const int result = muxer_.start(encoder_.codec(), options);
  if (result < 0) encoder_.refuse(result, errors.in_brackets());
  starting_ = false;
}

void VideoEncoder::encode(const Frame& frame, double pts) {
  encoder_.encode(frame, pts, [this](AVPacket& packet) { write(packet); });
}

bool VideoEncoder::can_continue(double pts) const {
  return pts - encoder_.last_pts() < longest_pause(muxer_.container(), encoder_.codec().time_base);
}

void VideoEncoder::pause() {
  encoder_.drain([this](AVPacket& packet) { write(packet); });
  muxer_.flush();
}

void VideoEncoder::give_up() noexcept {
  if (finished_) return;
  if (encoder_.has_failed() && has_packets_ && !has_broken_file()) {
    try {
      muxer_.finish();
      finished_ = true;
      return;
    } catch (const std::exception&) {  // ignored, because the muxer reports what was saved
    }
  }
  muxer_.give_up();  // a file with only a header is useless
}

std::int64_t VideoEncoder::finish(const std::function<bool()>& enough) {
  try {
    encoder_.drain([this](AVPacket& packet) { write(packet); }, enough);
  } catch (...) {
    if (!has_broken_file()) {  // only the encoder has failed
      muxer_.finish();
      finished_ = true;
    }
    throw;
  }
  muxer_.finish();
  finished_ = true;
  return encoder_.held();
}

}  // namespace freshframe::media
