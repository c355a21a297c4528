// Publishes a stream to a media server: encodes frames, or forwards a camera's packets.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"
#include "freshframe/packet.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace freshframe {

/// Options of Publish.
struct PublishOptions {
  std::string codec = "auto";  // for frames; "auto": the first supported codec that FFmpeg can encode
  int crf = 23;                // for frames: 0 (lossless) to 51
  EncoderPreset preset = EncoderPreset::Fastest;
  double keyframe_every = 2;  // for frames: seconds between keyframes, 0.1 to 60
  int threads = 1;
  double max_wait = 1;  // seconds for which a frame may wait to be sent, 0.1 to 60
  double timeout = 5;   // seconds to connect, and for each packet
  std::map<std::string, std::string> options = {};  // passed to the encoder; unknown options are an error
};

/// Publishes to "rtsp://host:8554/name" (ANNOUNCE and RECORD, over TCP), "rtmp://host/app/name", or as
/// MPEG-TS to "srt://host:port", "udp://host:port" or "tcp://host:port". Connects when the first frame
/// arrives, and reconnects with 0.5 to 10 s back-off. Sending has its own thread, so it does not delay other
/// nodes. Unsent frames and packets are counted as `lost`. A frame that has waited longer than `max_wait` is
/// skipped, together with everything up to the newest keyframe that is recent enough. This happens before
/// packetising, so players see no gap in the sequence numbers. The kernel's send buffer is kept small,
/// because the default size can hold seconds of video.
///
/// With make_packet_source() upstream it sends the camera's own packets and encodes nothing; set_input()
/// rejects `codec`, `crf`, `preset`, `keyframe_every` and `options`. process() throws Error for a codec that
/// the protocol does not support.
///
/// The constructor throws OptionError for an unsupported URL or codec.
class Publish final : public EitherNode<Frame, Packet, Nothing> {
 public:
  explicit Publish(const std::string& url, const PublishOptions& options = {});
  ~Publish() override;

  /// The URL with its password masked.
  [[nodiscard]] const std::string& url() const noexcept;
  [[nodiscard]] std::string default_name() const override { return "Publish"; }
  [[nodiscard]] NodeContract contract() const override { return {.needs_one_source = true}; }
  [[nodiscard]] NodeReport report(Span span) const override;
  [[nodiscard]] std::vector<const TypeInfo*> input_types() const override;
  void set_input(const TypeInfo* type) override;
  void open(const Context& context) override;
  std::optional<Nothing> process(const Sample<Frame>& sample, const Context& context) override;
  std::optional<Nothing> process(const Sample<Packet>& sample, const Context& context) override;
  void close() override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace freshframe
