// A source whose packets can be taken.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/packet_nodes.hpp"

#include <memory>
#include <optional>

#include "media/packets/frame_demand.hpp"

namespace freshframe::media {

/// Beside VideoSource.
class PacketCamera {
 public:
  PacketCamera() = default;
  PacketCamera(const PacketCamera&) = delete;
  PacketCamera& operator=(const PacketCamera&) = delete;
  virtual ~PacketCamera() = default;

  /// Does what packets_of() does.
  [[nodiscard]] virtual std::unique_ptr<Source<Packet>> packets() = 0;
  /// As freshframe::take_frames().
  virtual void take_frames(bool wanted) = 0;
  /// Takes frames while the source finds that they are wanted: `taken` is called for each packet on the
  /// threads that read it, any of them, until close(). It must be short.
  virtual void take_frames_while(FrameDemand::Taken taken) = 0;
  /// As freshframe::wake() and wake_until().
  virtual void wake(std::optional<double> seconds, std::optional<double> until) = 0;
};

}  // namespace freshframe::media
