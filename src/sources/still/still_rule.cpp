// Decides whether a source is frozen: keyframes, or fields of them, that repeat.
// SPDX-License-Identifier: Apache-2.0
#include "sources/still/still_rule.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <utility>

namespace freshframe::media {
namespace {

constexpr Seconds kFewestSeconds{2};       // between equal keyframes: a clock on a page changes every second
constexpr std::size_t kShares = 8;         // keyframes
constexpr double kLikely = 0.2;            // mean share of repeated fields
constexpr double kUnlikely = 0.1;          // share of repeated fields: less means motion
constexpr std::size_t kFewestFields = 12;  // with contrast
constexpr std::size_t kFewestPictures = 28;
constexpr std::uint64_t kFresh = 3;   // keyframes with motion in a row that end a freeze
constexpr std::size_t kNewKept = 16;  // the number of bits in Field::again
constexpr int kMostOfNew = 10;        // if a field repeats in this many of kNewKept images, it mostly repeats
constexpr std::uint64_t kLoops = 3;   // keyframes in a row that repeat at the same interval
// If keyframes repeat after only a few others, more of them are needed: this number minus the interval in
// keyframes, but at least kLoops.
constexpr std::uint64_t kLoopsOfShort = 10;
constexpr double kFewestOfLoop = 1.75;  // in keyframes; a shorter period is not a loop
// Seconds by which equal intervals may differ: keyframes arrive early or late.
constexpr double kSameTime = 0.25;
constexpr double kHole = 2;  // in keyframe intervals; a longer gap means that the source was interrupted

/// Returns the largest time of which both are multiples, within the tolerance.
double common_part(double seconds, double others) {
  while (others >= kSameTime) {
    seconds = std::abs(std::remainder(seconds, others));
    std::swap(seconds, others);
  }
  return seconds;
}

}  // namespace

void StillRule::add(const PictureDigest& picture, TimePoint time) {
  ++count_;
  add_whole(picture, time);
  note_flat(picture.flat, time);
  if (picture.flat) {
    // The image may be new, but a flat image has no fields that stay or move.
    if (is_new_) note_motion(0);
    return;
  }
  const double share = add_fields(picture.fields, time);
  note_likely(time);
  note_motion(share);
}

void StillRule::note_flat(bool flat, TimePoint time) {
  if (!flat) return flat_.reset();
  if (flat_) return;
  flat_ = time;
  flat_number_ = count_;
}

double StillRule::add_fields(const std::vector<FieldDigest>& fields, TimePoint time) {
  if (fields_.size() != fields.size()) {  // the image size has changed
    fields_.assign(fields.size(), {});
    shares_.clear();
    sized_ = new_ = 0;
  }
  if (is_new_) ++new_;
  with_contrast_ = 0;
  std::size_t again = 0;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    auto& field = fields_[i];
    bool seen = false;
    for (std::size_t k = 0; k < std::min(sized_, kFieldsKept); ++k) {
      seen = seen || (field.seen.at(k) == fields[i].bits && time - times_.at(k) >= kFewestSeconds);
    }
    field.seen.at(sized_ % kFieldsKept) = fields[i].bits;
    if (is_new_) field.again = static_cast<std::uint16_t>(2U * field.again + (seen ? 1U : 0U));
    field.contrast = fields[i].contrast;
    if (!field.contrast) continue;
    ++with_contrast_;
    if (seen) ++again;
  }
  times_.at(sized_++ % kFieldsKept) = time;
  const double share =
      with_contrast_ > 0 ? static_cast<double>(again) / static_cast<double>(with_contrast_) : 0;
  if (shares_.size() == kShares) shares_.pop_front();
  shares_.push_back(share);
  return share;
}

void StillRule::add_whole(const PictureDigest& picture, TimePoint time) {
  const auto bits = picture.bits;
  const auto is_equal = [&](const Whole& each) { return each.bits == bits; };
  const auto oldest = std::ranges::find_if(wholes_, is_equal);
  is_new_ = oldest == wholes_.end();
  proved_ = !picture.flat && !is_new_ && time - oldest->time >= kFewestSeconds;
  if (proved_) {
    const auto newest = *std::find_if(wholes_.rbegin(), wholes_.rend(), is_equal);
    if (!still_) still_ = find_unmoved(bits).value_or(Whole{bits, time, count_, false});
    note_again(newest, time);
  }
  if (Seconds(time - looped_).count() > period_) period_ = 0;
  if (wholes_.size() == kWholesKept) wholes_.pop_front();
  wholes_.push_back({bits, time, count_, is_new_});
}

std::optional<StillRule::Whole> StillRule::find_unmoved(std::uint64_t bits) const {
  const auto found = std::ranges::find_if(
      wholes_, [&](const Whole& each) { return each.bits == bits && each.number >= moved_; });
  return found != wholes_.end() ? std::optional(*found) : std::nullopt;
}

void StillRule::note_again(const Whole& newest, TimePoint time) {
  const auto distance = count_ - newest.number;
  row_ = distance == distance_ ? row_ + 1 : 1;
  distance_ = distance;
  if (distance == 1 || has_hole(newest.number, time)) return;
  const double seconds = Seconds(time - newest.time).count();
  if (period_ == 0 && row_ >= std::max(kLoops, kLoopsOfShort - std::min(distance, kLoopsOfShort)))
    period_ = seconds;
  if (period_ == 0) return;
  if (!came_before(newest.bits, time)) period_ = common_part(period_, seconds);
  if (period_ < kFewestOfLoop * seconds / static_cast<double>(distance)) period_ = 0;
  looped_ = time;
}

bool StillRule::has_hole(std::uint64_t since, TimePoint time) const {
  const auto most = kHole * Seconds(time - wholes_.back().time);
  for (std::size_t i = wholes_.size() - 1; i > 0 && wholes_[i].number > since; --i) {
    if (wholes_[i].time - wholes_[i - 1].time > most) return true;
  }
  return false;
}

bool StillRule::came_before(std::uint64_t bits, TimePoint time) const {
  return std::ranges::any_of(wholes_, [&](const Whole& each) {
    return each.bits == bits && std::abs(Seconds(time - each.time).count() - period_) < kSameTime;
  });
}

void StillRule::note_likely(TimePoint time) {
  const bool enough =
      sized_ >= kFewestPictures && with_contrast_ >= kFewestFields && shares_.size() == kShares;
  const double least = likely_ ? (kLikely + kUnlikely) / 2 : kLikely;
  if (!enough || mean_share() < least || has_moving_field()) return likely_.reset();
  if (likely_) return;
  likely_ = time;
  likely_number_ = count_;
}

void StillRule::note_motion(double share) {
  unproved_ = proved_ ? 0 : unproved_ + 1;
  fresh_ = proved_ || share >= kUnlikely ? 0 : fresh_ + 1;
  if (!proved_) row_ = 0;
  if (fresh_ < kFresh && (unproved_ < kShares || mean_share() >= kLikely) && !has_clock()) return;
  moved_ = count_;
  still_.reset();
  period_ = 0;
}

double StillRule::mean_share() const {
  return std::accumulate(shares_.begin(), shares_.end(), 0.0) / kShares;
}

/// Returns true if a field with contrast has not repeated in any of the newest new images.
bool StillRule::has_moving_field() const {
  return std::ranges::any_of(fields_, [](const Field& field) { return field.contrast && field.again == 0; });
}

/// Returns true if the newest image is new because of something like a clock: one field changes while most
/// others repeat, or none of the last kNewKept images proved a freeze. If only the quantisers of a frozen
/// image vary, no field keeps changing.
bool StillRule::has_clock() const {
  if (!is_new_ || new_ < kNewKept || !has_moving_field()) return false;
  const auto again_in_most = std::ranges::count_if(
      fields_, [](const Field& field) { return field.contrast && std::popcount(field.again) >= kMostOfNew; });
  return unproved_ >= kNewKept || 2 * static_cast<std::size_t>(again_in_most) > with_contrast_;
}

StillRule::Verdict StillRule::verdict() const {
  if (flat_) {
    const auto pictures = count_ - flat_number_ + 1;
    return {.kind = Kind::Flat, .since = *flat_, .pictures = pictures, .contents = pictures};
  }
  if (still_) {
    const auto contents = 1 + std::ranges::count_if(wholes_, [&](const Whole& each) {
                            return each.is_new && each.number > still_->number;
                          });
    return {.kind = period_ > 0 ? Kind::Loop : Kind::Still,
            .since = still_->time,
            .pictures = count_ - still_->number + 1,
            .contents = static_cast<std::uint64_t>(contents),
            .period = period_};
  }
  if (likely_) {
    const auto pictures = count_ - likely_number_ + 1;
    return {.kind = Kind::Still, .since = *likely_, .pictures = pictures, .contents = pictures};
  }
  return {};
}

}  // namespace freshframe::media
