// Frames as a browser sends them: one packet each, and keyframes with their parameter sets.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "core/watch/feed.hpp"
#include "cpp/media/files.hpp"
#include "media/ffmpeg/write/video_codec.hpp"

extern "C" {
#include <libavutil/opt.h>
}

namespace freshframe::test {

inline constexpr int kKeyInterval = 10;  // frames

struct BrowserFrame {
  std::vector<std::uint8_t> bytes;
  bool key = false;
};

/// Returns `count` numbered frames, from number 0 on; none if this FFmpeg has no encoder for the codec.
inline std::vector<BrowserFrame> browser_clip(core::FeedCodec codec, int count, int width = kWidth,
                                              int height = kHeight) {
  const bool is_jpeg = codec == core::FeedCodec::Mjpeg;
  const auto* const found = find_video_encoder(std::string(core::to_string(codec)));
  if (found == nullptr) return {};
  const auto encoder = make_codec(found);
  encoder->width = width;
  encoder->height = height;
  encoder->pix_fmt = is_jpeg ? AV_PIX_FMT_YUVJ420P : AV_PIX_FMT_YUV420P;
  encoder->time_base = {1, 25};
  encoder->thread_count = 1;
  encoder->gop_size = kKeyInterval;
  encoder->max_b_frames = 0;
  encoder->bit_rate = 1'000'000;
  if (codec == core::FeedCodec::H264)
    static_cast<void>(av_opt_set(encoder->priv_data, "tune", "zerolatency", 0));
  static_cast<void>(av_opt_set(encoder->priv_data, "deadline", "realtime", 0));
  static_cast<void>(av_opt_set(encoder->priv_data, "lag-in-frames", "0", 0));
  require(avcodec_open2(encoder.get(), found, nullptr));
  std::vector<BrowserFrame> result;
  const auto packet = make_av_packet();
  for (int n = 0; n <= count; ++n) {
    const auto frame = make_av_frame();
    if (n < count) {
      frame->width = width;
      frame->height = height;
      frame->format = encoder->pix_fmt;
      frame->pts = n;
      require(av_frame_get_buffer(frame.get(), 0));
      const auto painted = numbered_frame(n, width, height);
      const auto luma = painted.luma();
      for (int y = 0; y < height; ++y)
        std::memcpy(frame->data[0] + y * frame->linesize[0], luma.row(y), static_cast<std::size_t>(width));
      for (int plane = 1; plane < 3; ++plane)
        std::memset(frame->data[plane], 128,
                    static_cast<std::size_t>(frame->linesize[plane]) * static_cast<std::size_t>(height / 2));
    }
    require(avcodec_send_frame(encoder.get(), n < count ? frame.get() : nullptr));
    while (avcodec_receive_packet(encoder.get(), packet.get()) >= 0) {
      result.push_back({.bytes = {packet->data, packet->data + packet->size},
                        .key = (packet->flags & AV_PKT_FLAG_KEY) != 0});
      av_packet_unref(packet.get());
    }
  }
  return result;
}

inline constexpr core::FeedCodec kFeedCodecs[] = {core::FeedCodec::H264, core::FeedCodec::Vp8,
                                                  core::FeedCodec::Vp9, core::FeedCodec::Mjpeg};

}  // namespace freshframe::test
