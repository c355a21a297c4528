// Lists the files of an image sequence: numbered, in a directory, or by a glob.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace freshframe::media {

// Parses patterns of numbered files: "frames/img_%05d.png".

/// One %d or %05d in the file name; %% is a percent sign. Numbers are formatted like printf.
class NumberPattern {
 public:
  /// Returns true if the path contains %d, with or without a width.
  [[nodiscard]] static bool is_pattern(std::string_view path) noexcept;

  /// Throws OptionError with `url` for an invalid pattern: two numbers, a number in a directory name, %5d.
  NumberPattern(const std::string& path, const std::string& url);

  [[nodiscard]] const std::string& folder() const noexcept { return folder_; }
  /// Returns nullopt for names that do not match.
  [[nodiscard]] std::optional<std::int64_t> parse_number(std::string_view name) const;
  /// Returns true if the name matches, but its number has more digits than parse_number() supports.
  [[nodiscard]] bool is_too_long(std::string_view name) const noexcept;
  /// Returns the digits of the number, of any length; empty if the rest of the name does not match.
  [[nodiscard]] std::string_view find_digits(std::string_view name) const noexcept;

 private:
  std::string folder_;
  std::string before_;  // the part of the name before the number
  std::string after_;
  std::size_t width_ = 0;  // minimum number of digits; 0 for no leading zeros
};

/// An image and its position in the sequence, from 0.
struct ListedPicture {
  std::string path;
  std::int64_t place = 0;
};

/// Ordered by position. A number without a file leaves a gap.
struct PictureList {
  std::vector<ListedPicture> pictures;
  std::int64_t places = 0;  // the last position + 1

  [[nodiscard]] std::int64_t missing() const noexcept {
    return places - static_cast<std::int64_t>(pictures.size());
  }
};

/// Returns true for "frames/%05d.png", "frames/" and "frames/*.png" (unless a file has this name), and for
/// directories.
[[nodiscard]] bool names_pictures(const std::string& path);

/// Throws OptionError with `url` for an invalid pattern.
void check_picture_names(const std::string& path, const std::string& url);

/// Lists the files once; files added later are not found. A directory or glob yields regular files with an
/// image suffix, "img2" before "img10". For a pattern the numbers are the positions, relative to the lowest
/// and divided by the greatest common divisor of the steps (0, 10, 20). Throws SourceError with `url`, also
/// if a stop is requested while it lists files.
[[nodiscard]] PictureList list_pictures(const std::string& path, const std::string& url,
                                        const std::stop_token& stop = {});

/// Compares digits as numbers: "img2" < "img10". A total order.
[[nodiscard]] bool natural_less(std::string_view a, std::string_view b) noexcept;

}  // namespace freshframe::media
