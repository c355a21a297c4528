// Connects a live source, with freshframe's own RTSP client or with FFmpeg.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "core/watch/feed.hpp"
#include "media/stream/detached_call.hpp"
#include "media/stream/kept_decoder.hpp"
#include "media/stream/packet_connection.hpp"
#include "media/url/source_url.hpp"
#include "sources/network/input/input.hpp"
#include "sources/rtsp/client_options.hpp"
#include "sources/rtsp/connection.hpp"

namespace freshframe::media {

/// freshframe's own client reads rtsp:// URLs. Streams that it cannot read and options that it does not know
/// are left to FFmpeg. Not thread-safe; must outlive its connections.
class Connector {
 public:
  /// `feed`: of a source that a browser feeds, else null. Throws OptionError for an invalid value of the
  /// option "rtsp".
  Connector(SourceUrl url, OpenOptions options, std::shared_ptr<core::CameraFeed> feed);

  /// The options for FFmpeg.
  [[nodiscard]] const OpenOptions& options() const noexcept { return options_; }
  /// Blocks and throws like the connection's constructor.
  [[nodiscard]] std::unique_ptr<PacketConnection> connect(const Context& context);
  /// Call when the connection delivers a frame.
  void note_frame();
  /// Call once when a connection has ended, before the next connect().
  void note_end();
  /// Keeps the decoder of a connection, for the next one if its stream is the same.
  void keep(std::unique_ptr<Decoder> decoder) { kept_->keep(std::move(decoder)); }
  /// Call when no connection follows.
  void close() {
    aside_.reset();
    kept_->keep(nullptr);
  }

 private:
  [[nodiscard]] std::unique_ptr<PacketConnection> connect_own(const Context& context);
  [[nodiscard]] std::unique_ptr<PacketConnection> connect_over_ffmpeg(const Context& context);

  const SourceUrl url_;
  const std::shared_ptr<core::CameraFeed> feed_;
  const OpenOptions own_options_;
  const OpenOptions options_;
  rtsp::ClientChoice choice_;
  rtsp::Memory memory_;
  bool is_connected_ = false;
  bool has_frame_ = false;  // on this connection
  std::string why_;         // why freshframe's own client failed last
  const std::shared_ptr<Learned> learned_ = std::make_shared<Learned>();
  const std::shared_ptr<KeptDecoder> kept_ = std::make_shared<KeptDecoder>();
  std::optional<DetachedCall> aside_;  // call of a LiveConnection that can be abandoned
};

}  // namespace freshframe::media
