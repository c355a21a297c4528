// Takes the payloads of a stream apart.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "media/ffmpeg/ptr.hpp"
#include "sources/rtsp/packets/packet_order.hpp"
#include "sources/rtsp/protocol/sdp.hpp"

namespace freshframe::media::rtsp {

/// One thread at a time.
class Depacketiser {
 public:
  Depacketiser() = default;
  Depacketiser(const Depacketiser&) = delete;
  Depacketiser& operator=(const Depacketiser&) = delete;
  virtual ~Depacketiser() = default;

  /// Appends what the packet contributes to its picture, as the decoder wants it. `after_gap`: packets before
  /// it are lost.
  virtual void add(const RtpPacket& packet, bool after_gap, std::vector<std::uint8_t>& picture) = 0;
  /// Appends the rest of the picture, whose packets have all been added.
  virtual void end(std::vector<std::uint8_t>& /*picture*/) {}
  /// The decoder's parameters, with the parameter sets of the description.
  [[nodiscard]] virtual const AVCodecParameters& parameters() const noexcept = 0;
};

/// FFmpeg's, for all payloads that it knows. Throws Fault when it does not know this one.
[[nodiscard]] std::unique_ptr<Depacketiser> ffmpeg_depacketiser(const Media& media);

}  // namespace freshframe::media::rtsp
