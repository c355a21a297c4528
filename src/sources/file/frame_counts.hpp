// Counts damaged, lost and skipped frames of a file by the packets that produced no frame.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/node.hpp"
#include "freshframe/stats.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

/// Decoders return frames in timestamp order. So once a frame is returned, packets with earlier timestamps
/// have produced a frame or never will. In concatenated files timestamps restart at a keyframe. Not
/// thread-safe.
class SentPackets {
 public:
  /// Call when a packet with one frame is sent to the decoder.
  void send(std::int64_t pts, bool is_key) {
    const bool begins_again = is_key && last_key_ && pts <= *last_key_;
    if (is_key) last_key_ = pts;
    if (parts_.empty() || begins_again) parts_.emplace_back();
    auto& part = parts_.back();
    part.insert(pts);
    ++open_;
    if (part.size() <= kMostHeld) return;
    part.erase(part.begin());
    ++forgotten_;
  }
  /// Call for each frame returned. Returns the number of earlier packets that produced no frame.
  [[nodiscard]] std::size_t take(std::int64_t pts) {
    const auto known = skip_to(pts);
    const auto open = open_ - std::min(open_, known + 1);
    const auto forgotten = std::min(std::exchange(forgotten_, 0), open);
    open_ = open - forgotten;
    return known + forgotten;
  }
  /// Call at the end. Returns the number of packets that produced no frame.
  [[nodiscard]] std::size_t finish() {
    std::size_t rest = std::exchange(forgotten_, 0);
    for (const auto& part : parts_) rest += part.size();
    parts_.clear();
    return std::min(rest, std::exchange(open_, 0));
  }

 private:
  using Part = std::multiset<std::int64_t>;
  /// More packets than any decoder holds. Without a limit all would be kept if a decoder changes timestamps.
  static constexpr std::size_t kMostHeld = 1024;

  [[nodiscard]] std::size_t skip_to(std::int64_t pts) {
    std::size_t before = 0;
    const auto its_part =
        std::find_if(parts_.begin(), parts_.end(), [&](const Part& part) { return part.contains(pts); });
    if (its_part != parts_.end()) {
      for (auto part = parts_.begin(); part != its_part; ++part) before += part->size();
      parts_.erase(parts_.begin(), its_part);
    }
    if (parts_.empty()) return before;
    auto& part = parts_.front();
    const auto its = part.lower_bound(pts);
    before += static_cast<std::size_t>(std::distance(part.begin(), its));
    part.erase(part.begin(), its != part.end() && *its == pts ? std::next(its) : its);
    return before;
  }

  std::deque<Part> parts_;  // one part for each restart of the timestamps
  std::optional<std::int64_t> last_key_;
  std::size_t open_ = 0;       // packets whose frame was neither returned nor found missing
  std::size_t forgotten_ = 0;  // packets removed from parts_, of which some may be open
};

/// Frames that cannot be decoded keep their number, also before `start`. After a decoder failure, a packet
/// without a frame counts as such a frame. Not thread-safe.
class FrameCounts {
 public:
  /// `leaves_out`: the decoder was configured to skip frames.
  explicit FrameCounts(bool leaves_out) : leaves_out_(leaves_out) {}

  /// Counts every packet without a frame as lost from the first keyframe on. For GPU decoding, where failures
  /// are not reported by the call with the packet that caused them.
  void count_by_packets() noexcept { by_packets_ = true; }
  /// Call when reading restarts at the beginning of the file.
  void begin_pass() {
    sent_ = {};
    first_key_.reset();
    failures_ = 0;
  }
  /// Call when a repetition starts.
  void repeat() noexcept { frames_ = 0; }
  /// Call when a packet with an image is sent to the decoder. `gives_frame`: the file does not hide the
  /// frame.
  void send(const AVPacket& packet, bool is_misplaced, bool gives_frame) {
    if (!first_sent_) first_sent_ = packet.pts;
    // Frames shown before the first keyframe need frames from before the file, so they do not count.
    if (gives_frame && (is_misplaced || packet.pts >= *first_sent_)) ++sent_frames_;
    const bool is_key = (packet.flags & AV_PKT_FLAG_KEY) != 0;
    const bool begins = is_key && packet.pts != AV_NOPTS_VALUE && (!first_key_ || packet.pts < *first_key_);
    if (begins) first_key_ = packet.pts;
    const bool is_shown = packet.pts != AV_NOPTS_VALUE && (packet.flags & AV_PKT_FLAG_DISCARD) == 0;
    const bool can_give = !by_packets_ || (first_key_ && packet.pts >= *first_key_);
    if (is_shown && can_give) sent_.send(packet.pts, is_key);
  }
  /// Call when the decoder fails for a packet.
  void fail(const Context& context) {
    if (by_packets_) {
      ++damaged_;
      return;
    }
    damage(context);
    ++failures_;
  }
  /// Call when part of the file or of a frame is damaged.
  void damage(const Context& context) {
    ++damaged_;
    if (!silent_) context.counters.drop(NodeDropCause::Decode);
  }
  /// Call for each frame returned.
  void take(const AVFrame& frame, const Context& context) {
    ++frames_;
    answer(sent_.take(frame.best_effort_timestamp), context);
  }
  /// Call at the end. Returns the number of packets that should have produced a frame but did not.
  [[nodiscard]] std::int64_t finish(const Context& context) {
    answer(sent_.finish(), context);
    return sent_frames_ - frames_;
  }

  [[nodiscard]] bool leaves_out() const noexcept { return leaves_out_; }
  [[nodiscard]] bool counts_packets() const noexcept { return by_packets_; }
  [[nodiscard]] std::int64_t damaged_count() const noexcept { return damaged_; }
  /// Number of frames in this repetition.
  [[nodiscard]] std::int64_t frames() const noexcept { return frames_; }
  [[nodiscard]] std::int64_t sent_frames() const noexcept { return sent_frames_; }
  /// Frames before the next one that were skipped or lost.
  [[nodiscard]] std::int64_t left_out() const noexcept { return left_out_; }
  std::int64_t take_left_out() noexcept { return std::exchange(left_out_, 0); }
  /// Suppresses counting while frames before the start are decoded.
  void set_silent(bool silent) noexcept { silent_ = silent; }

 private:
  void answer(std::size_t without_frame, const Context& context) {
    const auto frames = static_cast<std::int64_t>(without_frame);
    if (by_packets_) {
      if (!silent_) context.counters.drop(NodeDropCause::Decode, without_frame);
      left_out_ += frames;
    } else if (!leaves_out_) {
      const auto lost = std::min(failures_, frames);
      failures_ -= lost;
      left_out_ += lost;
    } else if (!silent_) {
      context.counters.drop(NodeDropCause::NotDecoded, without_frame);
      left_out_ += frames;
    }
  }

  const bool leaves_out_;
  bool by_packets_ = false;
  bool silent_ = false;
  SentPackets sent_;           // since begin_pass()
  std::int64_t failures_ = 0;  // failures whose frame has not been found missing yet
  std::int64_t left_out_ = 0;
  std::int64_t damaged_ = 0;
  std::int64_t frames_ = 0;
  std::int64_t sent_frames_ = 0;
  std::optional<std::int64_t> first_sent_;  // pts
  std::optional<std::int64_t> first_key_;   // pts
};

}  // namespace freshframe::media
