// The newest pictures of a port, and the places in them of those who watch.
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

/// Pictures in the order of decoding, numbered. The first one is a keyframe, so that a viewer can begin there. It
/// holds the pictures since the last keyframe, and the pictures of the last kMost seconds. The network's thread.
class VideoRing {
 public:
  static constexpr double kMost = 1;  // seconds that a viewer may lag
  static constexpr std::size_t kMostBytes = 32U << 20U;
  static constexpr double kMeasured = .5;  // seconds whose rate is known

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
  /// All are forgotten: another stream begins.
  void clear() {
    begin_ = end_place();
    messages_.clear();
    bytes_ = 0;
    newest_.reset();
  }

  [[nodiscard]] std::uint64_t first_place() const noexcept { return begin_; }
  [[nodiscard]] std::uint64_t end_place() const noexcept { return begin_ + messages_.size(); }
  /// The number of the last keyframe; or end_place() without one.
  [[nodiscard]] std::uint64_t last_key() const noexcept {
    return messages_.empty() ? end_place() : last_key_;
  }
  [[nodiscard]] const VideoMessageRef& at(std::uint64_t number) const {
    return messages_[static_cast<std::size_t>(number - begin_)];
  }
  /// The latest pts of all; or 0 without any.
  [[nodiscard]] double newest() const noexcept { return newest_.value_or(0); }
  /// Bytes in a second of its time, of whole groups if there are any, since keyframes are large. nullopt
  /// means less than kMeasured seconds are there.
  [[nodiscard]] std::optional<double> rate() const {
    if (messages_.empty()) return std::nullopt;
    const double first = messages_.front()->pts;
    const auto whole = static_cast<std::size_t>(last_key_ - begin_);
    if (const double span = messages_[whole]->pts - first; span >= kMeasured)
      return bytes_before(whole) / span;
    const double span = newest() - first;  // the last picture has no duration yet
    return span < kMeasured ? std::nullopt : std::optional(bytes_before(messages_.size() - 1) / span);
  }

 private:
  /// The first group can go when the next one is old enough, or both take too much memory.
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

/// Note [A viewer that is too slow]
/// The sockets' buffers hide how late a viewer is, so the page acknowledges each picture. Whatever is on its way has to
/// arrive before what is newer, so that is little: kOnItsWay seconds of the stream, and as much as an acknowledgement
/// took at the least in the last kTrips seconds, which a far page needs. When the newest picture is more than kMost
/// seconds later than the newest acknowledged one, pictures are left out up to a keyframe: to the last one at once
/// after a single stall, because the link is fast again then. A link that has been late twice within kCalm seconds
/// carries less than the stream: it goes on at a keyframe that has just come, and gets keyframes alone from the
/// next time on, until kCalm seconds have passed. A viewer that begins, or goes on, gets what has come since that keyframe
/// in one go. It does not count as late while it works that off, and then what came meanwhile, in less and less time.
/// The time is the stream's, but for the time that acknowledgements take.
class VideoCursor {
 public:
  static constexpr double kCalm = 10;      // seconds
  static constexpr double kJustNow = .3;   // seconds
  static constexpr double kOnItsWay = .5;  // seconds
  static constexpr double kTrips = 30;     // seconds

  struct Step {
    VideoMessageRef picture;
    unsigned flags = 0;
  };

  /// Begins at the last keyframe. Earlier pictures do not count as left out.
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
  /// The picture to send at `now` seconds of any clock; nullopt means none.
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
  /// The page got the picture with this pts, and the earlier ones.
  void acknowledge(double pts, double now) {
    if (!sent_ || pts > *sent_ + kSame) return;
    acknowledged_ = std::max(acknowledged_.value_or(pts), pts);
    std::optional<double> since;
    for (; !on_their_way_.empty() && on_their_way_.front().pts <= pts + kSame; on_their_way_.pop_front())
      since = on_their_way_.front().at;
    if (!since) return;
    while (!trips_.empty() && trips_.back().seconds >= now - *since) trips_.pop_back();
    trips_.push_back({now - *since, now});
    while (trips_.front().at < now - kTrips) trips_.pop_front();
  }

  /// Pictures that were left out, with waiting ones.
  [[nodiscard]] std::uint64_t left_out(const VideoRing& ring) const {
    return left_out_ + (skips_ && ring.end_place() > next_ ? ring.end_place() - next_ : 0);
  }
  [[nodiscard]] std::optional<double> sent_pts() const noexcept { return sent_; }
  [[nodiscard]] bool has_all_acknowledged() const noexcept {
    return !sent_ || (acknowledged_ && *acknowledged_ >= *sent_ - kSame);
  }
  [[nodiscard]] bool gets_keys_only() const noexcept { return keys_only_; }

 private:
  static constexpr double kSame = 1e-3;   // seconds: two numbers of one pts
  static constexpr double kShrinks = .8;  // to that share, each time

  struct Sent {
    double pts;
    double at;  // seconds of the clock
  };
  /// From sending a picture to its acknowledgement, which came `at`.
  struct Trip {
    double seconds;
    double at;
  };

  /// The next picture is the first of the pictures that come at once.
  void go_on() {
    first_.reset();
    backlog_.reset();
    chases_ = true;
  }
  /// Returns whether enough is on its way.
  [[nodiscard]] bool fill_up(const VideoRing& ring) {
    const double pts = ring.at(next_)->pts;
    if (!first_) first_ = pts;
    const double known = std::max(*first_, acknowledged_.value_or(*first_));
    const double most = VideoRing::kMost - kOnItsWay;
    const double trip = trips_.empty() ? most : std::min(most, trips_.front().seconds);
    return !has_all_acknowledged() && pts - known > kOnItsWay + trip + kSame;
  }
  /// Returns whether the viewer is late.
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

  std::uint64_t next_ = 0;
  std::uint64_t left_out_ = 0;
  double joined_ = 0;                   // the newest pts when it began or went on
  std::optional<double> sent_;          // the latest pts
  std::optional<double> acknowledged_;  // as sent_
  std::optional<double> first_;         // pts that was sent since it began or went on
  std::optional<double> backlog_;       // seconds from the next picture to joined_, when it began on them
  bool chases_ = false;                 // it works that off
  std::optional<double> fell_behind_;   // when it did so last
  std::deque<Sent> on_their_way_;  // in the order of pts, without those before which a later one was sent
  std::deque<Trip> trips_;         // the least of the last kTrips seconds, then the least after it, and so on
  bool repeats_ = false;           // it was late twice within kCalm
  bool skips_ = false;             // up to the next keyframe
  bool keys_only_ = false;
  bool gap_ = false;  // before the next picture
};

}  // namespace freshframe::serve
