// The files of a picture sequence: by number, in a folder, or by a glob.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace freshframe::media {

// The pattern of a numbered sequence of files: "frames/img_%05d.png".

/// One %d or %05d in the name of the file; %% is a percent sign. The number is written as printf would.
class NumberPattern {
 public:
  /// Whether there is a %d, with a width or without, anywhere in the path.
  [[nodiscard]] static bool is_pattern(std::string_view path) noexcept;

  /// Throws OptionError with `url` for an invalid pattern: two numbers, a number in a folder's name, %5d.
  NumberPattern(const std::string& path, const std::string& url);

  [[nodiscard]] const std::string& folder() const noexcept { return folder_; }
  /// Returns nullopt for another file's name.
  [[nodiscard]] std::optional<std::int64_t> parse_number(std::string_view name) const;
  /// The name matches, but its number has more digits than parse_number() reads.
  [[nodiscard]] bool is_too_long(std::string_view name) const noexcept;
  /// The digits at the number's place, of any length; empty means the rest of the name does not match.
  [[nodiscard]] std::string_view find_digits(std::string_view name) const noexcept;

 private:
  std::string folder_;
  std::string before_;  // the name's text before the number
  std::string after_;
  std::size_t width_ = 0;  // least number of digits; 0 means no leading zeros
};

/// One picture and its place in the sequence, from 0.
struct ListedPicture {
  std::string path;
  std::int64_t place = 0;
};

/// In order of their places. A number without a file leaves its place empty.
struct PictureList {
  std::vector<ListedPicture> pictures;
  std::int64_t places = 0;  // the last place + 1

  [[nodiscard]] std::int64_t missing() const noexcept {
    return places - static_cast<std::int64_t>(pictures.size());
  }
};

/// The form of "frames/%05d.png", "frames/" or "frames/*.png" - and is not the name of a file - or a folder.
[[nodiscard]] bool names_pictures(const std::string& path);

/// Throws OptionError with `url` for an invalid pattern.
void check_picture_names(const std::string& path, const std::string& url);

/// Lists the files once. Later files are not found. A folder and a glob give regular files with the suffix of
/// a picture, "img2" before "img10". For a pattern the numbers are the places, from the lowest on and in
/// steps of their greatest common divisor (0, 10, 20). Throws SourceError with `url`, also soon after a stop,
/// for any number of files.
[[nodiscard]] PictureList list_pictures(const std::string& path, const std::string& url,
                                        const std::stop_token& stop = {});

/// Numbers in the names count as numbers: "img2" < "img10". A total order.
[[nodiscard]] bool natural_less(std::string_view a, std::string_view b) noexcept;

}  // namespace freshframe::media
