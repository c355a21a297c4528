// The newest frames of a port, and the read position of each viewer.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "serve/video/video_message.hpp"

namespace freshframe::serve {

/// Frames in decoding order, numbered. The first one is a keyframe, so that a viewer can start there. Holds
/// the frames since the last keyframe and those of the last kMost seconds. Used on the network thread.
class VideoRing {
 public:
  static constexpr double kMost = 1;  // seconds that a viewer may lag behind
  static constexpr std::size_t kMostBytes = 32U << 20U;
  static constexpr double kMeasured = .5;  // seconds needed to measure the rate

  void add(VideoMessageRef picture) {
    if (messages_.empty() && !picture->is_key()) {
      begin_ = end_place() + 1;
      return;
    }
    bytes_ += picture->body.size();
    if (picture->is_key()) last_key_ = end_place();
    newest_ = std::max(newest_.value_or(picture->pts), picture->pts);
    messages_.push_back(std::move(picture));
    while (can_forget_group()) forget_group();
    if (bytes_ > kMostBytes) clear();
  }
  /// Drops all frames, before a new stream.
  void clear() {
    begin_ = end_place();
    messages_.clear();
    bytes_ = 0;
    newest_.reset();
  }

  [[nodiscard]] std::uint64_t first_place() const noexcept { return begin_; }
  [[nodiscard]] std::uint64_t end_place() const noexcept { return begin_ + messages_.size(); }
  /// The number of the last keyframe, or end_place() if there is none.
  [[nodiscard]] std::uint64_t last_key() const noexcept {
    return messages_.empty() ? end_place() : last_key_;
  }
  [[nodiscard]] const VideoMessageRef& at(std::uint64_t number) const {
    return messages_[static_cast<std::size_t>(number - begin_)];
  }
  /// The largest pts so far, or 0 if there is none.
  [[nodiscard]] double newest() const noexcept { return newest_.value_or(0); }
  /// Bytes per second of stream time. Measured over whole groups of pictures if there are any, since
  /// keyframes are large. nullopt for less than kMeasured seconds.
  [[nodiscard]] std::optional<double> rate() const {
    if (messages_.empty()) return std::nullopt;
    const double first = messages_.front()->pts;
    const auto whole = static_cast<std::size_t>(last_key_ - begin_);
    if (const double span = messages_[whole]->pts - first; span >= kMeasured)
      return bytes_before(whole) / span;
    const double span = newest() - first;  // the last frame has no known duration
    return span < kMeasured ? std::nullopt : std::optional(bytes_before(messages_.size() - 1) / span);
  }

 private:
  /// Returns true if the first group can be dropped: the next one is old enough, or both use too much memory.
  [[nodiscard]] bool can_forget_group() const {
    const auto next = next_key();
    return next < messages_.size() && (messages_[next]->pts <= newest() - kMost || bytes_ > kMostBytes);
  }
  [[nodiscard]] std::size_t next_key() const {
    const auto found =
        std::find_if(messages_.begin() + 1, messages_.end(), [](const auto& each) { return each->is_key(); });
    return static_cast<std::size_t>(found - messages_.begin());
  }
  [[nodiscard]] double bytes_before(std::size_t end) const {
    double bytes = 0;
    for (std::size_t i = 0; i < end; ++i) bytes += static_cast<double>(messages_[i]->body.size());
    return bytes;
  }
  void forget_group() {
    for (auto count = next_key(); count > 0; --count) {
      bytes_ -= messages_.front()->body.size();
      messages_.pop_front();
      ++begin_;
    }
  }

  std::deque<VideoMessageRef> messages_;
  std::uint64_t begin_ = 0;
  std::uint64_t last_key_ = 0;
  std::size_t bytes_ = 0;
  std::optional<double> newest_;
};

/// Note [A viewer that is too slow] Buffers of sockets and proxies hide how far a viewer lags behind, so the
/// page acknowledges each frame. Everything in flight must arrive before anything newer, so the amount in
/// flight is limited: kOnItsWay seconds of the stream, plus the shortest round trip, which a distant page
/// needs. Acknowledgements of a link that is full have waited behind other frames. The round trip of the
/// handshake has not, so a slow link cannot enlarge its own window. A viewer that catches up gets more, as
/// long as it acknowledges promptly. When the newest frame is more than kMost seconds after the newest
/// acknowledged one, frames are skipped up to a keyframe. After a single stall this is the last keyframe,
/// because the link is fast again. A link that was late twice within kCalm seconds is too slow for the
/// stream: it continues at the next keyframe that arrives, and the next time gets keyframes only, until kCalm
/// seconds have passed. A viewer that starts or continues gets all frames since that keyframe in one burst.
/// It does not count as late while it catches up with them. All times are stream time, except those of
/// acknowledgements and round trips.
class VideoCursor {
 public:
  static constexpr double kCalm = 10;       // seconds
  static constexpr double kJustNow = .3;    // seconds
  static constexpr double kOnItsWay = .25;  // seconds
  static constexpr double kTrips = 30;      // seconds

  struct Step {
    VideoMessageRef picture;
    unsigned flags = 0;
  };

  VideoCursor() = default;
  /// `round_trip`: seconds to the page and back while nothing was queued, or longer.
  explicit VideoCursor(double round_trip) : round_trip_(round_trip) {}

  /// Starts at the last keyframe. Earlier frames do not count as skipped.
  void begin_at(const VideoRing& ring) {
    next_ = ring.last_key();
    joined_ = ring.newest();
    sent_.reset();
    acknowledged_.reset();
    skips_ = gap_ = keys_only_ = false;
    fell_behind_.reset();
    on_their_way_.clear();
    trips_.clear();
    go_on();
  }
  /// The frame to send at `now` (seconds of any clock), or nullopt.
  [[nodiscard]] std::optional<Step> next(const VideoRing& ring, double now) {
    if (next_ < ring.first_place()) {
      skips_ = true;
      pass_over(ring.first_place());
    }
    if (next_ >= ring.end_place()) return std::nullopt;
    if (!skips_ && !keys_only_ && watch_backlog(ring)) fall_behind(ring.newest());
    if (keys_only_ && ring.newest() - *fell_behind_ > kCalm) keys_only_ = false;
    if (skips_ || keys_only_) {
      const auto key = ring.last_key();
      if (key < next_ || !can_go_on(ring, key)) return std::nullopt;
      pass_over(key);
      joined_ = std::max(joined_, ring.newest());
      skips_ = false;
      go_on();
    }
    if (fill_up(ring)) return std::nullopt;
    const auto& picture = ring.at(next_++);
    if (!sent_ || picture->pts > *sent_) on_their_way_.push_back({picture->pts, now});
    sent_ = std::max(sent_.value_or(picture->pts), picture->pts);
    const unsigned flags = (std::exchange(gap_, false) ? VideoMessage::kGap : 0U) |
                           (next_ < ring.end_place() && !keys_only_ ? VideoMessage::kLate : 0U);
    return Step{picture, flags};
  }
  /// Records that the page has acknowledged the frame with this pts and all before it.
  void acknowledge(double pts, double now) {
    if (!sent_ || pts > *sent_ + kSame) return;
    const double before = acknowledged_.value_or(pts);
    acknowledged_ = std::max(before, pts);
    const double caught_up = *acknowledged_ - std::max(before, first_.value_or(before));  // without a gap
    std::optional<double> since;
    for (; !on_their_way_.empty() && on_their_way_.front().pts <= pts + kSame; on_their_way_.pop_front())
      since = on_their_way_.front().at;
    if (!since) return;
    while (!trips_.empty() && trips_.back().seconds >= now - *since) trips_.pop_back();
    trips_.push_back({now - *since, now});
    while (trips_.front().at < now - kTrips) trips_.pop_front();
    const bool is_prompt = now - *since <= shortest_trip() + kPrompt;
    extra_ = chases_ && is_prompt ? std::min(kMostExtra, extra_ + std::max(0.0, caught_up)) : 0;
  }

  /// Number of skipped frames, including pending ones.
  [[nodiscard]] std::uint64_t left_out(const VideoRing& ring) const {
    return left_out_ + (skips_ && ring.end_place() > next_ ? ring.end_place() - next_ : 0);
  }
  [[nodiscard]] std::optional<double> sent_pts() const noexcept { return sent_; }
  [[nodiscard]] bool has_all_acknowledged() const noexcept {
    return !sent_ || (acknowledged_ && *acknowledged_ >= *sent_ - kSame);
  }
  [[nodiscard]] bool gets_keys_only() const noexcept { return keys_only_; }

 private:
  static constexpr double kSame = 1e-3;    // tolerance for equal pts, in seconds
  static constexpr double kShrinks = .8;   // factor for each step of catching up
  static constexpr double kPrompt = .1;    // seconds after the shortest round trip
  static constexpr double kMostExtra = 1;  // seconds

  struct Sent {
    double pts;
    double at;  // time of sending
  };
  /// Time from sending a frame to its acknowledgement, which arrived at `at`.
  struct Trip {
    double seconds;
    double at;
  };

  /// Marks the next frame as the start of a burst.
  void go_on() {
    first_.reset();
    backlog_.reset();
    extra_ = 0;
    chases_ = true;
  }
  [[nodiscard]] double shortest_trip() const {
    return trips_.empty() ? round_trip_ : std::min(round_trip_, trips_.front().seconds);
  }
  /// Returns true if enough is in flight.
  [[nodiscard]] bool fill_up(const VideoRing& ring) {
    const double pts = ring.at(next_)->pts;
    if (!first_) first_ = pts;
    const double known = std::max(*first_, acknowledged_.value_or(*first_));
    const double trip = std::min(VideoRing::kMost - kOnItsWay, shortest_trip());
    return !has_all_acknowledged() && pts - known > kOnItsWay + trip + extra_ + kSame;
  }
  /// Returns true if the viewer is late.
  [[nodiscard]] bool watch_backlog(const VideoRing& ring) {
    const double backlog = ring.newest() - ring.at(next_)->pts;
    if (!backlog_) backlog_ = backlog;
    if (chases_ && ring.at(next_)->pts > joined_) {
      chases_ = backlog < kShrinks * *backlog_;
      backlog_ = backlog;
      if (chases_) joined_ = ring.newest();
    }
    const double reference = std::max(joined_, acknowledged_.value_or(joined_));
    return !chases_ && !has_all_acknowledged() && ring.newest() - reference > VideoRing::kMost;
  }
  void fall_behind(double now) {
    const bool again = fell_behind_ && now - *fell_behind_ < kCalm;
    if (again && repeats_) keys_only_ = true;
    repeats_ = again;
    fell_behind_ = now;
    skips_ = true;
  }
  [[nodiscard]] bool can_go_on(const VideoRing& ring, std::uint64_t key) const {
    if (!has_all_acknowledged()) return false;
    return !repeats_ || keys_only_ || ring.newest() - ring.at(key)->pts <= kJustNow;
  }
  void pass_over(std::uint64_t to) {
    if (to == next_) return;
    left_out_ += to - next_;
    next_ = to;
    gap_ = true;
  }

  double round_trip_ = VideoRing::kMost;  // seconds; unknown: as long as a page may be behind
  std::uint64_t next_ = 0;
  std::uint64_t left_out_ = 0;
  double joined_ = 0;                   // the newest pts when the viewer started or continued
  std::optional<double> sent_;          // the largest pts sent
  std::optional<double> acknowledged_;  // the largest pts acknowledged
  std::optional<double> first_;         // the first pts sent since the viewer started or continued
  std::optional<double> backlog_;       // seconds from the next frame to joined_ at the start of catching up
  bool chases_ = false;                 // the viewer is catching up
  double extra_ = 0;                    // additional seconds that may be in flight while it catches up
  std::optional<double> fell_behind_;   // when the viewer was last late
  std::deque<Sent> on_their_way_;       // sorted by pts; excludes frames sent after one with a larger pts
  std::deque<Trip> trips_;              // increasing minima of the last kTrips seconds
  bool repeats_ = false;                // the viewer was late twice within kCalm
  bool skips_ = false;                  // skipping to the next keyframe
  bool keys_only_ = false;
  bool gap_ = false;  // frames are missing before the next one
};

}  // namespace freshframe::serve
