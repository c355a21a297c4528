// Decides from the hashes of keyframes whether a source is frozen or loops.
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

/// Note [What proves a frozen image]
/// Frames that equal the previous one prove nothing, because encoders repeat them in a scene without motion.
/// Keyframes are encoded independently, and sensor noise makes each one different. They are compared as a
/// whole and by fields, which are parts of about 160x90 pixels (FieldDigest). So:
/// - A keyframe that is equal to one at least 2 s older proves a freeze. (A clock on a page changes every
/// second.) Only exact equality counts. Rate control varies the quantiser, so equal keyframes appear now and
/// then, and new ones in between are not motion.
/// - If a fifth of the fields repeat, on average over 8 keyframes, a freeze is likely: these parts had the
/// same quantiser at least 2 s ago. This needs 12 fields with contrast and 28 keyframes. If a field did not
/// repeat in any of the last 16 new images, it is a clock or something else that moves, and no freeze is
/// reported.
/// - A freeze ends after three keyframes in a row that prove nothing and whose fields are new (fewer than a
/// tenth repeat). It also ends after eight in a row that prove nothing if, on average over these eight, fewer
/// than a fifth of the fields repeat.
/// - A moving source is also taken for frozen if the clock of a page is late once, or an encoder repeats an
/// image. This ends with the next new image if, in the last 16 new ones, one field never repeated and most
/// others mostly did (a running clock). If the others repeat less often, it ends after 16 keyframes in a row
/// that prove nothing.
/// - Keyframes in a row that each equal one the same number of keyframes earlier are a loop, whose period is
/// the time to the equal image. It takes three of them, or more at a distance below seven: ten minus the
/// distance. A distance of one is never a loop. A source that compares one image per second sees different
/// images of a loop in each round, so an image may return only after several rounds. Therefore a repetition
/// after another time reduces the period to the largest time of which both are multiples. The loop ends if
/// the period would fall below two keyframes (quantisers vary), or if no image has repeated after a multiple
/// of it for a whole period.
/// - An image without contrast is reported as flat, never as still or a loop. The report ends with the first
/// image that shows contrast: a covered lens shows none, and an empty wall has a visitor now and then. Two
/// equal images without contrast prove nothing, because an empty scene without noise is always the same.
/// Not thread-safe.
class StillRule {
 public:
  static constexpr std::size_t kWholesKept = 1024;

  enum class Kind : std::uint8_t { None, Still, Loop, Flat };

  struct Verdict {
    Kind kind = Kind::None;
    TimePoint since{};
    std::uint64_t pictures = 0;  // keyframes since then
    // number of different keyframes among them; equal to `pictures` if only fields repeated
    std::uint64_t contents = 0;
    double period = 0;  // seconds, of a loop
  };

  /// Adds a keyframe. Times must not decrease.
  void add(const PictureDigest& picture, TimePoint time);
  [[nodiscard]] Verdict verdict() const;

 private:
  static constexpr std::size_t kFieldsKept = 32;  // hashes per field

  struct Whole {
    std::uint64_t bits;
    TimePoint time;
    std::uint64_t number;
    bool is_new;  // no earlier image was equal
  };
  struct Field {
    std::array<std::uint64_t, kFieldsKept> seen{};  // hashes, indexed like times_
    // one bit per new image, the newest in the lowest bit: whether the field was seen before
    std::uint16_t again = 0;
    bool contrast = false;
  };

  void note_flat(bool flat, TimePoint time);
  /// Returns the share of fields with contrast that repeated; 0 if none has contrast.
  double add_fields(const std::vector<FieldDigest>& fields, TimePoint time);
  void add_whole(const PictureDigest& picture, TimePoint time);
  void note_again(const Whole& newest, TimePoint time);
  /// Returns true if the source was interrupted since the image of this number.
  [[nodiscard]] bool has_hole(std::uint64_t since, TimePoint time) const;
  /// Returns true if this image also appeared one period ago.
  [[nodiscard]] bool came_before(std::uint64_t bits, TimePoint time) const;
  /// Returns the oldest equal image since the scene last changed (moved_).
  [[nodiscard]] std::optional<Whole> find_unmoved(std::uint64_t bits) const;
  void note_likely(TimePoint time);
  void note_motion(double share);
  [[nodiscard]] bool has_moving_field() const;
  [[nodiscard]] bool has_clock() const;
  [[nodiscard]] double mean_share() const;

  std::uint64_t count_ = 0;  // of keyframes
  std::deque<Whole> wholes_;
  std::vector<Field> fields_;
  std::array<TimePoint, kFieldsKept> times_{};  // times of the newest images of this size, as a ring buffer
  std::size_t sized_ = 0;                       // number of images of this size
  std::size_t new_ = 0;                         // number of images among sized_ that were new as a whole
  std::deque<double> shares_;                   // shares of the newest images
  std::size_t with_contrast_ = 0;               // fields of the newest image
  bool is_new_ = true;                          // the newest image equals no earlier one
  bool proved_ = false;                         // the newest image proved a freeze
  std::uint64_t fresh_ = 0;                     // images in a row whose fields were new
  std::uint64_t unproved_ = 0;                  // images in a row that proved nothing
  std::uint64_t distance_ = 0;                  // from the newest repeated image to its equal, in keyframes
  std::uint64_t row_ = 0;                       // images in a row with that distance_
  double period_ = 0;                           // seconds; 0 without a loop
  TimePoint looped_{};                          // newest image of the loop
  std::uint64_t moved_ = 0;                     // number of the newest image that showed a different scene
  std::optional<Whole> still_;                  // the first image of the freeze
  std::optional<TimePoint> likely_;             // start of a likely freeze
  std::uint64_t likely_number_ = 0;             // number of the keyframe at that time
  std::optional<TimePoint> flat_;               // start of the time without contrast
  std::uint64_t flat_number_ = 0;               // number of the keyframe at that time
};

}  // namespace freshframe::media
