// The URL that a stream is published to, and which codecs can be published there.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/url/live_url.hpp"

extern "C" {
#include <libavcodec/codec_id.h>
}

namespace freshframe::media {

class PublishTarget {
 public:
  /// Throws OptionError if the URL is not that of a media server, or if the installed FFmpeg does not support
  /// its protocol.
  explicit PublishTarget(const std::string& url);

  [[nodiscard]] const core::LiveUrl& url() const noexcept { return url_; }
  [[nodiscard]] const std::string& masked_url() const noexcept { return masked_; }
  /// Returns core::find_stream_key() of the URL.
  [[nodiscard]] std::string_view stream_key() const noexcept;
  /// The FFmpeg muxer: "rtsp", "flv" or "mpegts".
  [[nodiscard]] const char* format() const noexcept;
  [[nodiscard]] int port() const noexcept { return port_; }  // default port; 0 if such URLs must contain one
  [[nodiscard]] bool takes(AVCodecID codec) const;
  /// Lists the codecs that takes() accepts, for messages: "h264, hevc".
  [[nodiscard]] std::string codecs() const;
  /// The encoder for frames: `wanted`, or for "auto" the first suitable one. Throws OptionError.
  [[nodiscard]] std::string encoder(const std::string& wanted) const;

 private:
  core::LiveUrl url_;
  std::string masked_;
  int port_ = 0;
};

}  // namespace freshframe::media
