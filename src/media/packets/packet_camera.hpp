// A source whose packets can be taken.
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

// Whether anybody takes the frames of a camera whose packets are taken.

/// Any thread.
class FrameDemand {
 public:
  using Taken = std::function<bool()>;

  /// Whatever ask() was given: the caller knows better.
  void set(bool wanted) { told_.store(wanted ? Told::Wanted : Told::Unwanted, std::memory_order_relaxed); }
  /// `taken` is called for each packet, without a lock, on the threads that read.
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
  std::shared_ptr<const Taken> taken_ FRESHFRAME_GUARDED_BY(mutex_);  // null means it was not asked
};

/// Beside VideoSource.
class PacketCamera {
 public:
  PacketCamera() = default;
  PacketCamera(const PacketCamera&) = delete;
  PacketCamera& operator=(const PacketCamera&) = delete;
  virtual ~PacketCamera() = default;

  /// Does what make_packet_source() does.
  [[nodiscard]] virtual std::unique_ptr<Source<Packet>> packets() = 0;
  /// `kept` gets the packets, too, until it is closed. Any thread.
  virtual void keep_packets(std::shared_ptr<KeptPackets> kept) = 0;
  /// Does the work of freshframe::take_frames().
  virtual void take_frames(bool wanted) = 0;
  /// Takes frames while the source finds that they are wanted: `taken` is called for each packet on the
  /// threads that read it, any of them, until close(). It must be short.
  virtual void take_frames_while(FrameDemand::Taken taken) = 0;
  /// Does the work of freshframe::wake() and wake_until().
  virtual void wake(std::optional<double> seconds, std::optional<double> until) = 0;
};

}  // namespace freshframe::media
