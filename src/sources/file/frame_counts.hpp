// Counts the frames of a file that are damaged, lost or left out, by the packets without a frame.
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

/// A decoder returns frames in the order of their times. So when it has returned one, the packets with earlier times
/// have given a frame or will give none. Where files were joined, the times begin again at a keyframe. One thread.
class SentPackets {
 public:
  /// A packet of one frame went to the decoder.
  void send(std::int64_t pts, bool is_key) {
    const bool begins_again = is_key && last_key_ && pts <= *last_key_;
    if (is_key) last_key_ = pts;
    if (parts_.empty() || begins_again) parts_.emplace_back();
    parts_.back().insert(pts);
  }
  /// A frame has come. Returns the number of packets before it without a frame.
  [[nodiscard]] std::size_t take(std::int64_t pts) {
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
  /// The end. Returns the number of packets without a frame.
  [[nodiscard]] std::size_t finish() {
    std::size_t rest = 0;
    for (const auto& part : parts_) rest += part.size();
    parts_.clear();
    return rest;
  }

 private:
  using Part = std::multiset<std::int64_t>;

  std::deque<Part> parts_;  // a part for each beginning of the times
  std::optional<std::int64_t> last_key_;
};

/// A frame that cannot be decoded keeps its number, as it does before `start`. After a failure of the decoder, a packet
/// without a frame is such a frame. One thread.
class FrameCounts {
 public:
  /// `leaves_out`: the decoder was asked to leave frames out.
  explicit FrameCounts(bool leaves_out) : leaves_out_(leaves_out) {}

  /// From the first keyframe on, every packet gives a frame, or is lost. A card fails at other calls than those for its
  /// packet.
  void count_by_packets() noexcept { by_packets_ = true; }
  /// Reading begins at the beginning of the file.
  void begin_pass() {
    sent_ = {};
    first_key_.reset();
    failures_ = 0;
  }
  /// A repetition begins.
  void repeat() noexcept { frames_ = 0; }
  /// A packet with an image goes to the decoder. `gives_frame`: the file does not hide its frame.
  void send(const AVPacket& packet, bool is_misplaced, bool gives_frame) {
    if (!first_sent_) first_sent_ = packet.pts;
    // Frames that are shown before the first keyframe do not count: they need frames from before the file.
    if (gives_frame && (is_misplaced || packet.pts >= *first_sent_)) ++sent_frames_;
    const bool is_key = (packet.flags & AV_PKT_FLAG_KEY) != 0;
    const bool begins = is_key && packet.pts != AV_NOPTS_VALUE && (!first_key_ || packet.pts < *first_key_);
    if (begins) first_key_ = packet.pts;
    const bool is_shown = packet.pts != AV_NOPTS_VALUE && (packet.flags & AV_PKT_FLAG_DISCARD) == 0;
    const bool can_give = !by_packets_ || (first_key_ && packet.pts >= *first_key_);
    if (is_shown && can_give) sent_.send(packet.pts, is_key);
  }
  /// The decoder has failed at a packet.
  void fail(const Context& context) {
    if (by_packets_) {
      ++damaged_;
      return;
    }
    damage(context);
    ++failures_;
  }
  /// A part of the file, or of a frame, is damaged.
  void damage(const Context& context) {
    ++damaged_;
    if (!silent_) context.counters.drop(NodeDropCause::Decode);
  }
  /// A frame has come.
  void take(const AVFrame& frame, const Context& context) {
    ++frames_;
    answer(sent_.take(frame.best_effort_timestamp), context);
  }
  /// The end of the file. Returns the number of packets that should have given a frame, and have not.
  [[nodiscard]] std::int64_t finish(const Context& context) {
    answer(sent_.finish(), context);
    return sent_frames_ - frames_;
  }

  [[nodiscard]] bool leaves_out() const noexcept { return leaves_out_; }
  [[nodiscard]] bool counts_packets() const noexcept { return by_packets_; }
  [[nodiscard]] std::int64_t damaged_count() const noexcept { return damaged_; }
  /// Returns the frames in this repetition.
  [[nodiscard]] std::int64_t frames() const noexcept { return frames_; }
  [[nodiscard]] std::int64_t sent_frames() const noexcept { return sent_frames_; }
  /// Frames before the next frame that were left out or lost.
  [[nodiscard]] std::int64_t left_out() const noexcept { return left_out_; }
  std::int64_t take_left_out() noexcept { return std::exchange(left_out_, 0); }
  /// Counts nothing while frames before the start are decoded.
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
  std::int64_t failures_ = 0;  // failures whose frame has not been missed yet
  std::int64_t left_out_ = 0;
  std::int64_t damaged_ = 0;
  std::int64_t frames_ = 0;
  std::int64_t sent_frames_ = 0;
  std::optional<std::int64_t> first_sent_;  // pts
  std::optional<std::int64_t> first_key_;   // pts
};

}  // namespace freshframe::media
