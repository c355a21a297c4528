// A source whose packets can be taken.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/packet_nodes.hpp"

#include <memory>
#include <optional>

namespace freshframe::media {

/// Beside VideoSource.
class PacketCamera {
 public:
  PacketCamera() = default;
  PacketCamera(const PacketCamera&) = delete;
  PacketCamera& operator=(const PacketCamera&) = delete;
  virtual ~PacketCamera() = default;

  /// As packets_of().
  [[nodiscard]] virtual std::unique_ptr<Source<Packet>> packets() = 0;
  /// As freshframe::take_frames().
  virtual void take_frames(bool wanted) = 0;
  /// As freshframe::wake() and wake_until().
  virtual void wake(std::optional<double> seconds, std::optional<double> until) = 0;
};

}  // namespace freshframe::media
