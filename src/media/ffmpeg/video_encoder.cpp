// Encodes frames into a container on disk.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/video_encoder.hpp"

#include "freshframe/error.hpp"

#include "media/ffmpeg/log.hpp"

namespace freshframe::media {

void check_video_file(const std::string& path, const VideoFileOptions& options) {
  install_ffmpeg_log();
  const AVOutputFormat* container = find_container(path);
  if (container == nullptr || container->video_codec == AV_CODEC_ID_NONE ||
      (container->flags & AVFMT_NOFILE) != 0) {
    throw OptionError("cannot write video to '" + path +
                      "': its name must end in a video container's suffix, "
                      "such as .mp4, .mkv, .mov, .avi or .ts");
  }
  check_encoding("'" + path + "'", *container, options);
}

VideoEncoder::VideoEncoder(const std::string& path, const VideoFileOptions& options)
    : muxer_(path), encoder_("'" + path + "'", muxer_.container(), options) {}

void VideoEncoder::start(const Frame& first, double fps) {
  const FfmpegErrorCapture errors;
  auto options = encoder_.start(first, fps);
  const int result = muxer_.start(encoder_.codec(), options);
  if (result < 0) encoder_.refused(result, errors.in_brackets());
}

void VideoEncoder::encode(const Frame& frame, double pts) {
  encoder_.encode(frame, pts, [this](AVPacket& packet) { write(packet); });
}

void VideoEncoder::finish() {
  try {
    encoder_.drain([this](AVPacket& packet) { write(packet); });
  } catch (...) {
    muxer_.finish();
    throw;
  }
  muxer_.finish();
}

}  // namespace freshframe::media
