// Whether a source shows one picture, or the same ones again and again, by digests of its keyframes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "sources/still/picture_digest.hpp"

namespace freshframe::media {

/// Note [What proves a still picture]
/// Frames that are equal to the one before prove nothing: of a scene without motion, encoders repeat them. Keyframes
/// are encoded by themselves, and a sensor's noise makes each another one. So:
/// - A keyframe that is equal to one at least 2 s older is a proof: a clock on a page changes every second. No
///   likeness is asked for. Under rate control the quantiser wanders, so equal ones come now and then: new ones between
///   them are no motion.
/// - Where a fifth of the fields come again, on average over 8 keyframes, it is likely: these parts had the same
///   quantiser 2 s ago or earlier. It takes 12 fields with contrast and 28 keyframes. A field that has come again in
///   none of the last 16 that were new is a clock on a page, or something else that moves, and nothing is said.
/// - It ends with three successive keyframes whose fields are new, or with eight that make neither of both.
/// - A page whose clock came late once, or an encoder that repeated a picture, is a proof like any other. It ends with the
///   next new picture, if in the last 16 new ones a field never came again and most others mostly did: it is the clock
///   that goes on. Where the others come again less often, it ends with 16 keyframes in a row that prove nothing.
/// - Three proofs in a row at the same distance above 1 are a loop, whose period is the time to the equal picture. Proofs at
///   other times make the period the longest time such that all are multiples of it: where one picture a second
///   counts, not each round has the same ones. It is no longer a loop once it would be shorter than two keyframes, as
///   where quantisers wander, or no picture has come again after a multiple of it for as long as it lasts.
/// - A picture without contrast proves nothing but that: flat comes before still. It ends with the first picture that
///   shows contrast, because a covered lens shows none, and an empty wall has a visitor now and then. Two such pictures
///   that are equal are no proof, because an empty scene without noise is the same each time.
/// One thread.
class StillRule {
 public:
  static constexpr std::size_t kWholesKept = 1024;

  enum class Kind : std::uint8_t { None, Still, Loop, Flat };

  struct Verdict {
    Kind kind = Kind::None;
    TimePoint since{};
    std::uint64_t pictures = 0;  // keyframes since then
    std::uint64_t contents = 0;  // different ones of them; as many as pictures: only fields have come again
    double period = 0;           // seconds, of a loop
  };

  /// A keyframe. Times never go back.
  void add(const PictureDigest& picture, TimePoint time);
  [[nodiscard]] Verdict verdict() const;

 private:
  static constexpr std::size_t kFieldsKept = 32;  // digests of each field

  struct Whole {
    std::uint64_t bits;
    TimePoint time;
    std::uint64_t number;
    bool is_new;  // none of those before was equal
  };
  struct Field {
    std::array<std::uint64_t, kFieldsKept> seen{};  // as times_
    std::uint16_t again =
        0;  // of the pictures that were new as a whole; the newest is the lowest bit: seen before
    bool contrast = false;
  };

  void note_flat(bool flat, TimePoint time);
  /// The share of the fields with contrast that have come again; 0 if none has contrast.
  double add_fields(const std::vector<FieldDigest>& fields, TimePoint time);
  void add_whole(const PictureDigest& picture, TimePoint time);
  void note_again(const Whole& newest, TimePoint time);
  /// Whether the source was away since the picture of this number.
  [[nodiscard]] bool has_hole(std::uint64_t since, TimePoint time) const;
  /// Whether this one came one period ago, too.
  [[nodiscard]] bool came_before(std::uint64_t bits, TimePoint time) const;
  /// The oldest picture that is equal, and is not from before the newest motion.
  [[nodiscard]] std::optional<Whole> find_unmoved(std::uint64_t bits) const;
  void note_likely(TimePoint time);
  void note_motion(double share);
  [[nodiscard]] bool has_moving_field() const;
  [[nodiscard]] bool has_clock() const;
  [[nodiscard]] double mean_share() const;

  std::uint64_t count_ = 0;  // count of keyframes
  std::deque<Whole> wholes_;
  std::vector<Field> fields_;
  std::array<TimePoint, kFieldsKept> times_{};  // times of the newest pictures of this size, in turn
  std::size_t sized_ = 0;                       // number of pictures of this size
  std::size_t new_ = 0;                         // number of these that were new as a whole
  std::deque<double> shares_;                   // shares of the newest pictures
  std::size_t with_contrast_ = 0;               // fields of the newest picture
  bool is_new_ = true;                          // the newest picture: none of those before is equal
  bool proved_ = false;                         // by the newest picture
  std::uint64_t fresh_ = 0;                     // pictures in a row whose fields were new
  std::uint64_t unproved_ = 0;                  // pictures in a row that were new as a whole
  std::uint64_t distance_ = 0;                  // distance of the newest picture from its equal, in keyframes
  std::uint64_t row_ = 0;                       // pictures in a row at that distance
  double period_ = 0;                           // seconds; 0 without a loop
  TimePoint looped_{};                          // the newest picture of the loop
  std::uint64_t moved_ = 0;     // the number of the newest picture that was another scene than those before
  std::optional<Whole> still_;  // the first one of the still picture
  std::optional<TimePoint> likely_;  // fields have come again since then
  std::uint64_t likely_number_ = 0;  // number of the keyframe then
  std::optional<TimePoint> flat_;    // no picture has shown contrast since then
  std::uint64_t flat_number_ = 0;    // number of the keyframe then
};

}  // namespace freshframe::media
