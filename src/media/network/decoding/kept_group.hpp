// The packets since a live stream's last key picture, for a decoder that begins later.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <new>
#include <optional>
#include <utility>

#include "media/ffmpeg/ptr.hpp"
#include "media/stream/packet_connection.hpp"

namespace freshframe::media {

/// Note [A decoder that comes later]
/// Where nothing takes the frames of a source that a page shows, none is decoded. A viewer that is sent JPEGs wants one at
/// once, and the next key picture may be ten seconds away. So the packets since the last one are kept, which they are for
/// the page's video anyway, and replayed to the decoder when a frame is wanted. Each comes with what was known of it then,
/// so a picture behind a loss has its mark. Of the pictures of the replay the newest alone is given: the others would flood
/// the queues.
///
/// One thread.
class KeptGroup {
 public:
  static constexpr std::size_t kMostBytes = 16U << 20U;
  static constexpr std::size_t kMostPackets = 1500;  // a minute, at 25 pictures per second

  struct Item {
    AvPacketPtr packet;
    PacketNotes notes;
    TimePoint captured{};
    bool damaged = false;
  };

  /// Nothing is kept before a key picture. What the network has lost is counted elsewhere.
  void add(const AVPacket& packet, const PacketNotes& notes, TimePoint captured, bool damaged) {
    if (notes.can_begin) forget();
    if (full_ || (!notes.can_begin && kept_.empty())) return;
    bytes_ += static_cast<std::size_t>(packet.size);
    kept_.push_back(item(packet, notes, captured, damaged));
    full_ = bytes_ > kMostBytes || kept_.size() >= kMostPackets;
  }
  /// No more is kept up to the next key picture: decoding has to begin now, or there.
  [[nodiscard]] bool is_full() const noexcept { return full_; }
  /// Also ends the replay.
  void clear() noexcept {
    forget();
    replay_.clear();
  }

  /// Begins one of all that is kept, and of a newer packet. Returns false if nothing is.
  [[nodiscard]] bool replay(const AVPacket& packet, const PacketNotes& notes, TimePoint captured,
                            bool damaged) {
    replay_.clear();
    for (const auto& each : kept_)
      replay_.push_back(item(*each.packet, each.notes, each.captured, each.damaged));
    if (full_) kept_.clear();
    if (replays()) replay_.push_back(item(packet, notes, captured, damaged));
    return replays();
  }
  /// Whether there is more to replay.
  [[nodiscard]] bool replays() const noexcept { return !replay_.empty(); }
  [[nodiscard]] std::optional<Item> next() {
    if (replay_.empty()) return std::nullopt;
    std::optional<Item> next(std::move(replay_.front()));
    replay_.pop_front();
    return next;
  }

 private:
  static Item item(const AVPacket& packet, PacketNotes notes, TimePoint captured, bool damaged) {
    AvPacketPtr own(av_packet_clone(&packet));
    if (!own) throw std::bad_alloc();
    notes.missing = notes.dropped = 0;
    return {std::move(own), notes, captured, damaged};
  }
  void forget() noexcept {
    kept_.clear();
    bytes_ = 0;
    full_ = false;
  }

  std::deque<Item> kept_;  // from the last key picture on
  std::size_t bytes_ = 0;
  bool full_ = false;
  std::deque<Item> replay_;
};

}  // namespace freshframe::media
