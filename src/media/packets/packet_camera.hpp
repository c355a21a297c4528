// Base class of sources that can provide their packets.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"
#include "freshframe/packet_nodes.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "media/packets/kept_packets.hpp"

namespace freshframe::media {

// Whether the frames of a source that provides packets are wanted.

/// Thread-safe.
class FrameDemand {
 public:
  using Taken = std::function<bool()>;

  /// Overrides ask().
  void set(bool wanted) { told_.store(wanted ? Told::Wanted : Told::Unwanted, std::memory_order_relaxed); }
  /// `taken` is called for each packet, without a lock, on the reading threads.
  void ask(Taken taken) {
    auto next = std::make_shared<const Taken>(std::move(taken));
    const Lock lock(mutex_);
    taken_.swap(next);
  }
  [[nodiscard]] bool any() const {
    if (const auto told = told_.load(std::memory_order_relaxed); told != Told::Nothing)
      return told == Told::Wanted;
    std::shared_ptr<const Taken> taken;
    {
      const Lock lock(mutex_);
      taken = taken_;
    }
    return !taken || (*taken)();
  }

 private:
  enum class Told : std::uint8_t { Nothing, Wanted, Unwanted };

  std::atomic<Told> told_{Told::Nothing};
  mutable Mutex mutex_;
  std::shared_ptr<const Taken> taken_ FRESHFRAME_GUARDED_BY(mutex_);  // null if ask() was not called
};

/// Inherited in addition to VideoSource.
class PacketCamera {
 public:
  PacketCamera() = default;
  PacketCamera(const PacketCamera&) = delete;
  PacketCamera& operator=(const PacketCamera&) = delete;
  virtual ~PacketCamera() = default;

  /// See make_packet_source().
  [[nodiscard]] virtual std::unique_ptr<Source<Packet>> packets() = 0;
  /// Also passes packets to `kept`, until `kept` is closed. Thread-safe.
  virtual void keep_packets(std::shared_ptr<KeptPackets> kept) = 0;
  /// See freshframe::take_frames().
  virtual void take_frames(bool wanted) = 0;
  /// Decodes frames while `taken` returns true. `taken` is called for each packet, on any reading thread,
  /// until close(), and must be short.
  virtual void take_frames_while(FrameDemand::Taken taken) = 0;
  /// See freshframe::wake() and wake_until().
  virtual void wake(std::optional<double> seconds, std::optional<double> until) = 0;
};

}  // namespace freshframe::media
