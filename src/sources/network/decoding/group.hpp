// The packets since a live stream's last keyframe, with which a decoder that begins late catches up.
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

/// Note [A decoder that comes later]
/// A decoder begins within a group of pictures in two cases. Where nothing takes the frames of a source that a page
/// shows, nothing is decoded, and a viewer that is sent JPEGs wants a picture at once. With decode="keyframes" wake()
/// wants all pictures from now on. The next keyframe may be ten seconds away, so the packets since the last one are
/// kept. They are replayed to the decoder one by one, so that a stop need not wait for all. Each comes with what was
/// known of it then, so a picture after a loss has its mark. Only the newest picture of a replay is given,
/// because the others would flood the queues, and no picture is given twice.
///
/// One thread.
class Group {
 public:
  static constexpr std::size_t kMostBytes = 16U << 20U;
  static constexpr std::size_t kMostPackets = 1500;  // a minute, at 25 pictures per second

  struct Item {
    AvPacketPtr packet;
    PacketNotes notes;
    TimePoint captured{};
    bool damaged = false;
  };

  explicit Group(std::size_t most_packets = kMostPackets) : most_packets_(most_packets) {}

  // ---- packets

  /// Keeps nothing before a keyframe. Losses on the network are counted elsewhere.
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
  /// Whether nothing is kept any longer up to the next keyframe: decoding has to begin now, or there.
  [[nodiscard]] bool is_full() const noexcept { return full_; }
  [[nodiscard]] bool is_empty() const noexcept { return kept_.empty(); }
  /// Drops what is kept. Nothing is kept up to the next keyframe.
  void forget() noexcept {
    kept_.clear();
    bytes_ = 0;
    full_ = false;
  }
  /// Does the work of forget(), but it stays full.
  void give_up() noexcept { kept_.clear(); }
  /// Ends a replay.
  void stop() noexcept {
    replay_.clear();
    newest_.reset();
    catches_up_ = passes_over_ = false;
  }
  /// A new connection.
  void clear() noexcept {
    forget();
    stop();
    given_.reset();
    given_captured_ = {};
  }

  // ---- the replay

  /// Begins a replay of all that is kept, and of a newer packet. Returns false if nothing is kept.
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
  /// Whether more packets are to be replayed.
  [[nodiscard]] bool replays() const noexcept { return !replay_.empty(); }
  /// Returns the next packet of the replay, or nullopt after the last one.
  [[nodiscard]] std::optional<Item> next() {
    if (replay_.empty()) return std::nullopt;
    std::optional<Item> next(std::move(replay_.front()));
    replay_.pop_front();
    return next;
  }

  // ---- its pictures

  /// Whether no picture was given since a replay began.
  [[nodiscard]] bool catches_up() const noexcept { return catches_up_ || passes_over_; }
  /// Call it with each picture of the decoder. A picture that is not to be given now is moved out of `frame`. Returns
  /// a picture that is not to be given at all, or null.
  [[nodiscard]] AvFramePtr sift(AvFramePtr& frame) {
    if (catches_up() && was_given(*frame)) return std::move(frame);
    if (catches_up_) return std::exchange(newest_, std::move(frame));
    passes_over_ = false;
    note_given(*frame);
    return nullptr;
  }
  /// Call it after the last packet of a replay. Returns its newest picture, or null if that was given before: the decoder
  /// may hold back more such pictures.
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
  std::deque<Item> kept_;  // from the last keyframe on
  std::size_t bytes_ = 0;
  bool full_ = false;
  std::deque<Item> replay_;
  bool catches_up_ = false;            // a replay runs
  bool passes_over_ = false;           // it is over, and its pictures were given before it
  AvFramePtr newest_;                  // newest frame of the replay
  std::optional<std::int64_t> given_;  // the time of the last picture that was given, in ticks
  TimePoint given_captured_{};
};

}  // namespace freshframe::media
