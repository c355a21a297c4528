// The pattern of the names of segments: "rec/{time:%Y-%m-%d}/door_%05d.mp4".
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace freshframe::media {

/// One piece of a pattern: text, a number (%d, %05d) or a field of the time (%Y, %m, %d, %H, %M, %S, %j),
/// which has a fixed number of digits.
struct PatternPiece {
  enum class Kind : std::uint8_t { Text, Number, Time };

  Kind kind = Kind::Text;
  std::string text = {};   // text of a Text
  char directive = 0;      // directive of a Time
  std::size_t digits = 0;  // digits of a Time; the least number of a Number, 0 without leading zeros
};

/// The names of the segments of one recorder: a number, the time at which the segment begins (UTC), or both.
/// A name without a number that is taken gets "_2", "_3", ... before its suffix.
class SegmentPattern {
 public:
  /// The facts in the name of a file.
  struct Name {
    std::int64_t number = 0;  // 0: the pattern has none
    int copy = 1;             // 2 for "..._2.mp4"
  };

  /// Whether the path has a number or a time, so that it is a pattern.
  [[nodiscard]] static bool is_pattern(std::string_view path) noexcept;
  /// The first "%Y" or the like outside of {time:...} that is neither a number nor a %%; empty without such a field.
  [[nodiscard]] static std::string other_field(std::string_view path);

  /// Throws OptionError for an invalid pattern.
  explicit SegmentPattern(const std::string& path);

  /// Makes the base a path from the root on.
  void settle();

  [[nodiscard]] bool has_number() const noexcept { return has_number_; }
  /// The folder above all parts of the pattern: "rec", "." or "/".
  [[nodiscard]] const std::string& base() const noexcept { return base_; }
  /// Folders below base() in which a segment is; their names depend on the time.
  [[nodiscard]] std::size_t depth() const noexcept { return parts_.size() - 1; }
  /// The path below base(). `unix_time`: when the segment begins. `copy` above 1: "_2", "_3", ...
  [[nodiscard]] std::string make_name(std::int64_t unix_time, std::int64_t number, int copy = 1) const;
  /// Whether the pattern could make a folder of this name, `level` folders below base().
  [[nodiscard]] bool is_folder(std::size_t level, std::string_view name) const;
  /// Returns nullopt for another file's name. The name has no folders.
  [[nodiscard]] std::optional<Name> parse(std::string_view file_name) const;
  /// Whether one path can be a segment of both patterns.
  [[nodiscard]] bool can_meet(const SegmentPattern& other) const;

 private:
  using Part = std::vector<PatternPiece>;

  void check(const std::string& path) const;
  [[nodiscard]] Part all_pieces(bool with_copy) const;

  std::string base_;
  std::string suffix_;  // ".mp4"
  std::vector<Part> parts_;
  bool has_number_ = false;
};

}  // namespace freshframe::media
