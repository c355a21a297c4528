// The pattern of a numbered sequence of files: "frames/img_%05d.png".
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace freshframe::media {

/// One %d or %05d in the name of the file; %% is a percent sign. The number is written as printf would.
class NumberPattern {
 public:
  /// Whether there is a %d, with a width or without, anywhere in the path.
  [[nodiscard]] static bool is_one(std::string_view path) noexcept;

  /// The first "%Y" or the like anywhere in the path that is neither a %d nor a %%; empty: there is none.
  [[nodiscard]] static std::string other_field(std::string_view path);

  /// Throws OptionError with `url` for an invalid pattern: two numbers, a number in a folder's name, %5d.
  NumberPattern(const std::string& path, const std::string& url);

  [[nodiscard]] const std::string& folder() const noexcept { return folder_; }
  /// The name of the file, without its folder, with this number.
  [[nodiscard]] std::string name_of(std::int64_t number) const;
  /// Returns nullopt for another file's name.
  [[nodiscard]] std::optional<std::int64_t> number_of(std::string_view name) const;
  /// The digits at the number's place, of any length; empty: the rest of the name does not match.
  [[nodiscard]] std::string_view digits_of(std::string_view name) const noexcept;

 private:
  std::string folder_;
  std::string before_;  // the name's text before the number
  std::string after_;
  std::size_t width_ = 0;  // least number of digits; 0: no leading zeros
};

}  // namespace freshframe::media
