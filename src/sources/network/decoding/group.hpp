// Keeps the packets since a live stream's last keyframe, so that a decoder that starts late can catch up.
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
#include "media/ffmpeg/read/decoder.hpp"
#include "media/stream/packet_connection.hpp"

namespace freshframe::media {

/// Note [A decoder that starts later]
/// A decoder starts in the middle of a group of pictures in two cases: nothing takes frames of a source that
/// a page shows, so nothing is decoded, and a new viewer of JPEGs wants an image immediately; or wake() is
/// called with decode="keyframes". The next keyframe may be ten seconds away, so the packets since the last
/// one are kept. They are replayed to the decoder one by one, so that a stop need not wait for all of them.
/// Each keeps the facts known at its arrival, so that a frame after a loss is still marked. Only the newest
/// frame of a replay is delivered, because the others would flood the queues, and no frame is delivered
/// twice.
///
/// Not thread-safe.
class Group {
 public:
  static constexpr std::size_t kMostBytes = 16U << 20U;
  static constexpr std::size_t kMostPackets = 1500;  // a minute at 25 fps

  struct Item {
    AvPacketPtr packet;
    PacketNotes notes;
    TimePoint captured{};
    bool damaged = false;
  };

  explicit Group(std::size_t most_packets = kMostPackets) : most_packets_(most_packets) {}

  // ---- packets

  /// Keeps the packet, unless no keyframe precedes it. Losses on the network are counted elsewhere.
  void add(const AVPacket& packet, const PacketNotes& notes, TimePoint captured, bool damaged) {
    if (notes.can_begin) {
      forget();
      passes_over_ = false;
    }
    if (full_ || (!notes.can_begin && kept_.empty())) return;
    bytes_ += static_cast<std::size_t>(packet.size);
    kept_.push_back(item(packet, notes, captured, damaged));
    full_ = bytes_ > kMostBytes || kept_.size() >= most_packets_;
  }
  /// Returns true if nothing is kept until the next keyframe: decoding must start now, or at that keyframe.
  [[nodiscard]] bool is_full() const noexcept { return full_; }
  [[nodiscard]] bool is_empty() const noexcept { return kept_.empty(); }
  /// Drops all kept packets, and keeps none until the next keyframe.
  void forget() noexcept {
    kept_.clear();
    bytes_ = 0;
    full_ = false;
  }
  /// Like forget(), but is_full() does not change.
  void give_up() noexcept { kept_.clear(); }
  /// Ends a replay.
  void stop() noexcept {
    replay_.clear();
    newest_.reset();
    catches_up_ = passes_over_ = false;
  }
  /// Call for a new connection.
  void clear() noexcept {
    forget();
    stop();
    given_.reset();
    given_captured_ = {};
  }

  // ---- the replay

  /// Starts a replay of all kept packets and a newer one. Returns false if nothing is kept.
  [[nodiscard]] bool replay(const AVPacket& packet, const PacketNotes& notes, TimePoint captured,
                            bool damaged) {
    stop();
    for (const auto& each : kept_)
      replay_.push_back(item(*each.packet, each.notes, each.captured, each.damaged));
    if (full_) kept_.clear();
    if (replay_.empty()) return false;
    replay_.push_back(item(packet, notes, captured, damaged));
    return catches_up_ = true;
  }
  /// Returns true if more packets are to be replayed.
  [[nodiscard]] bool replays() const noexcept { return !replay_.empty(); }
  /// Returns the next packet of the replay, or nullopt after the last one.
  [[nodiscard]] std::optional<Item> next() {
    if (replay_.empty()) return std::nullopt;
    std::optional<Item> next(std::move(replay_.front()));
    replay_.pop_front();
    return next;
  }

  // ---- frames of the replay

  /// Returns true if no frame was delivered since a replay started.
  [[nodiscard]] bool catches_up() const noexcept { return catches_up_ || passes_over_; }
  /// Call for each frame of the decoder. A frame that is not to be delivered now is moved out of `frame`.
  /// Returns a frame that must not be delivered at all, or null.
  [[nodiscard]] AvFramePtr sift(AvFramePtr& frame) {
    if (catches_up() && was_given(*frame)) return std::move(frame);
    if (catches_up_) return std::exchange(newest_, std::move(frame));
    passes_over_ = false;
    note_given(*frame);
    return nullptr;
  }
  /// Call after the last packet of a replay. Returns the newest frame, or null if all frames so far were
  /// already delivered. The decoder may hold back more of those.
  [[nodiscard]] AvFramePtr take_newest() {
    if (!std::exchange(catches_up_, false)) return nullptr;
    passes_over_ = !newest_;
    if (newest_) note_given(*newest_);
    return std::move(newest_);
  }

 private:
  static Item item(const AVPacket& packet, PacketNotes notes, TimePoint captured, bool damaged) {
    AvPacketPtr own(av_packet_clone(&packet));
    if (!own) throw std::bad_alloc();
    notes.missing = notes.dropped = 0;
    return {std::move(own), notes, captured, damaged};
  }
  [[nodiscard]] bool was_given(const AVFrame& frame) const noexcept {
    if (given_ && frame.best_effort_timestamp != AV_NOPTS_VALUE)
      return frame.best_effort_timestamp <= *given_;
    return Decoder::read_captured(frame) <= given_captured_;
  }
  void note_given(const AVFrame& frame) noexcept {
    given_.reset();
    if (frame.best_effort_timestamp != AV_NOPTS_VALUE) given_ = frame.best_effort_timestamp;
    given_captured_ = Decoder::read_captured(frame);
  }

  const std::size_t most_packets_;
  std::deque<Item> kept_;  // starts with the last keyframe
  std::size_t bytes_ = 0;
  bool full_ = false;
  std::deque<Item> replay_;
  bool catches_up_ = false;  // a replay is running
  // a replay has finished, but frames that were delivered before it are still skipped
  bool passes_over_ = false;
  AvFramePtr newest_;                  // of the replay
  std::optional<std::int64_t> given_;  // timestamp of the last delivered frame, in ticks
  TimePoint given_captured_{};
};

}  // namespace freshframe::media
