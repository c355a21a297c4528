// Patterns for segment names: "rec/{time:%Y-%m-%d}/door_%05d.mp4".
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace freshframe::media {

/// One piece of a pattern: literal text, a number (%d, %05d), or a time field with a fixed number of digits
/// (%Y, %m, %d, %H, %M, %S, %j).
struct PatternPiece {
  enum class Kind : std::uint8_t { Text, Number, Time };

  Kind kind = Kind::Text;
  std::string text = {};  // Text only
  char directive = 0;     // Time only
  // Time: number of digits. Number: minimum number of digits, 0 without leading zeros
  std::size_t digits = 0;
};

/// The segment names of one recorder contain a number, the start time of the segment (UTC), or both. If a
/// name without a number is taken, it gets "_2", "_3", ... before its suffix.
class SegmentPattern {
 public:
  /// The values parsed from a file name.
  struct Name {
    std::int64_t number = 0;  // 0 if the pattern has none
    int copy = 1;             // 2 for "..._2.mp4"
  };

  /// Returns true if the path contains a number or time field.
  [[nodiscard]] static bool is_pattern(std::string_view path) noexcept;
  /// The first field like "%Y" outside of {time:...} that is neither a number nor %%; empty if there is none.
  [[nodiscard]] static std::string other_field(std::string_view path);

  /// Throws OptionError for an invalid pattern.
  explicit SegmentPattern(const std::string& path);

  /// Makes the base an absolute path.
  void settle();

  [[nodiscard]] bool has_number() const noexcept { return has_number_; }
  /// The folder before the first field: "rec", "." or "/".
  [[nodiscard]] const std::string& base() const noexcept { return base_; }
  /// Number of folders between base() and a segment. Their names depend on the time.
  [[nodiscard]] std::size_t depth() const noexcept { return parts_.size() - 1; }
  /// The path relative to base(). `unix_time`: start of the segment. `copy` above 1 adds "_2", "_3", ...
  [[nodiscard]] std::string make_name(std::int64_t unix_time, std::int64_t number, int copy = 1) const;
  /// Returns true if the pattern could produce a folder with this name, `level` folders below base().
  [[nodiscard]] bool is_folder(std::size_t level, std::string_view name) const;
  /// Parses a file name without folders. Returns nullopt if it does not match.
  [[nodiscard]] std::optional<Name> parse(std::string_view file_name) const;
  /// Returns true if both patterns can produce the same path.
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
