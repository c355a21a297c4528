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

/// Pictures in the order of decoding, numbered. The first one is a key picture, so that a viewer can begin there. It
/// holds the pictures since the last key picture, and those of the last kMost seconds. The network's thread.
class VideoRing {
 public:
  static constexpr double kMost = 1;  // seconds that a viewer may be behind
  static constexpr std::size_t kMostBytes = 32U << 20U;

  void add(VideoMessageRef picture) {
    if (messages_.empty() && !picture->is_key()) {
      begin_ = end() + 1;
      return;
    }
    bytes_ += picture->body.size();
    if (picture->is_key()) last_key_ = end();
    newest_ = std::max(newest_.value_or(picture->pts), picture->pts);
    messages_.push_back(std::move(picture));
    while (can_forget_group()) forget_group();
    if (bytes_ > kMostBytes) clear();
  }
  /// All are forgotten: another stream begins.
  void clear() {
    begin_ = end();
    messages_.clear();
    bytes_ = 0;
    newest_.reset();
  }

  [[nodiscard]] std::uint64_t begin() const noexcept { return begin_; }
  [[nodiscard]] std::uint64_t end() const noexcept { return begin_ + messages_.size(); }
  /// The number of the last key picture; end() if there is none.
  [[nodiscard]] std::uint64_t last_key() const noexcept { return messages_.empty() ? end() : last_key_; }
  [[nodiscard]] const VideoMessageRef& at(std::uint64_t number) const {
    return messages_[static_cast<std::size_t>(number - begin_)];
  }
  /// The latest pts of all; 0 if there is none.
  [[nodiscard]] double newest() const noexcept { return newest_.value_or(0); }

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
/// The sockets' buffers hide how late a viewer is, so the page acknowledges each picture. When the next picture is more
/// than kMost seconds later than the newest acknowledged one, pictures are left out up to a key picture: to the last
/// one at once after a single stall, because the link is fast again then. A link that has fallen behind twice within
/// kCalm seconds carries less than the stream: it goes on at a key picture that has just come, and gets key pictures
/// alone from the next time on, until kCalm seconds have passed. The time is that of the stream.
class VideoPlace {
 public:
  static constexpr double kCalm = 10;     // seconds
  static constexpr double kJustNow = .3;  // seconds

  struct Step {
    VideoMessageRef picture;
    unsigned flags = 0;
  };

  /// Begins at the last key picture. What has come before is not left out.
  void begin(const VideoRing& ring) {
    next_ = ring.last_key();
    joined_ = ring.newest();
    sent_.reset();
    acknowledged_.reset();
    skips_ = gap_ = keys_only_ = false;
    fell_behind_.reset();
  }
  /// The picture to send now; nullopt: none.
  [[nodiscard]] std::optional<Step> next(const VideoRing& ring) {
    if (next_ < ring.begin()) {
      skips_ = true;
      pass_over(ring.begin());
    }
    if (next_ >= ring.end()) return std::nullopt;
    const bool is_behind = ring.at(next_)->pts - reference() > VideoRing::kMost;
    if (!skips_ && !keys_only_ && is_behind) fall_behind(ring.newest());
    if (keys_only_ && ring.newest() - *fell_behind_ > kCalm) keys_only_ = false;
    if (skips_ || keys_only_) {
      const auto key = ring.last_key();
      if (key < next_ || !can_go_on(ring, key)) return std::nullopt;
      pass_over(key);
      joined_ = std::max(joined_, ring.newest());
      skips_ = false;
    }
    const auto& picture = ring.at(next_++);
    sent_ = std::max(sent_.value_or(picture->pts), picture->pts);
    const unsigned flags = (std::exchange(gap_, false) ? VideoMessage::kGap : 0U) |
                           (next_ < ring.end() && !keys_only_ ? VideoMessage::kLate : 0U);
    return Step{picture, flags};
  }
  /// The page has got the picture with this pts, and those before it.
  void acknowledge(double pts) {
    if (sent_ && pts <= *sent_ + kSame) acknowledged_ = std::max(acknowledged_.value_or(pts), pts);
  }

  /// Pictures that were left out, with those that wait.
  [[nodiscard]] std::uint64_t left_out(const VideoRing& ring) const {
    return left_out_ + (skips_ && ring.end() > next_ ? ring.end() - next_ : 0);
  }
  [[nodiscard]] std::optional<double> sent() const noexcept { return sent_; }
  [[nodiscard]] bool has_all_acknowledged() const noexcept {
    return !sent_ || (acknowledged_ && *acknowledged_ >= *sent_ - kSame);
  }
  [[nodiscard]] bool gets_keys_only() const noexcept { return keys_only_; }

 private:
  static constexpr double kSame = 1e-3;  // seconds: two numbers of one pts

  /// What has come at once at the beginning is not waited for.
  [[nodiscard]] double reference() const { return std::max(joined_, acknowledged_.value_or(joined_)); }
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
  std::optional<double> fell_behind_;   // when it did so last
  bool repeats_ = false;                // it fell behind twice within kCalm
  bool skips_ = false;                  // up to the next key picture
  bool keys_only_ = false;
  bool gap_ = false;  // before the next picture
};

}  // namespace freshframe::serve
