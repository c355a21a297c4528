// Unpacks the payloads of a stream.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "media/ffmpeg/ptr.hpp"
#include "sources/rtsp/packets/packet_order.hpp"
#include "sources/rtsp/protocol/sdp.hpp"

namespace freshframe::media::rtsp {

/// Not thread-safe.
class Depacketiser {
 public:
  Depacketiser() = default;
  Depacketiser(const Depacketiser&) = delete;
  Depacketiser& operator=(const Depacketiser&) = delete;
  virtual ~Depacketiser() = default;

  /// Appends the packet's data to its frame, in the format that the decoder expects. `after_gap`: packets
  /// before it were lost.
  virtual void add(const RtpPacket& packet, bool after_gap, std::vector<std::uint8_t>& picture) = 0;
  /// Appends the rest of the frame, after all of its packets were added.
  virtual void end(std::vector<std::uint8_t>& /*picture*/) {}
  /// Decoder parameters, including the parameter sets of the SDP.
  [[nodiscard]] virtual const AVCodecParameters& parameters() const noexcept = 0;
};

/// FFmpeg's depacketiser for this payload format. Throws Fault if FFmpeg does not support it.
[[nodiscard]] std::unique_ptr<Depacketiser> ffmpeg_depacketiser(const Media& media);

}  // namespace freshframe::media::rtsp
