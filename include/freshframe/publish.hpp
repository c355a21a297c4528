// The node that publishes a stream to a media server: encoded frames, or a camera's own packets.
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

/// Options of a Publish.
struct PublishOptions {
  std::string codec = "auto";  // codec for frames: "auto" is the first that FFmpeg encodes
  int crf = 23;                // quality of frames: 0 (lossless) to 51
  EncoderPreset preset = EncoderPreset::Fastest;
  double keyframe_every = 2;  // seconds between keyframes of frames, 0.1 to 60
  int threads = 1;            // threads of the encoder
  double max_wait = 1;        // seconds for which a picture may wait to be sent, 0.1 to 60
  double timeout = 5;         // seconds to connect, and for each packet
  std::map<std::string, std::string> options = {};  // options of the encoder; an unknown one is an error
};

/// Publishes to "rtsp://host:8554/name" (ANNOUNCE and RECORD, over TCP), "rtmp://host/app/name", or MPEG-TS to
/// "srt://host:port", "udp://host:port" or "tcp://host:port". Connects when the first frame comes, and again after an
/// outage with 0.5 to 10 s of back-off. The node has its own thread for sending, so it delays no other node.
/// Unsent frames and packets are counted as `lost`. A picture that has waited longer than `max_wait` is left
/// out with all up to the newest keyframe that is young enough, before it is put into packets: so players see
/// no gap in the packets' numbers. The kernel's buffer is kept small, because seconds of video fit into the
/// usual one.
///
/// Below make_packet_source() a camera it sends the camera's own packets. Nothing is encoded: set_input() refuses `codec`,
/// `crf`, `preset`, `keyframe_every` and `options`. process() throws Error for a codec that the server's protocol does not
/// take.
///
/// The constructor throws OptionError for a URL or codec that is not possible.
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
