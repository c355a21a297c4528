// Quantities with their units, in messages.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace freshframe::core {

/// Uses a decimal point in every locale, unlike printf().
inline std::string number_text(double number, std::chars_format format, int digits) {
  std::array<char, 64> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number, format, digits);
  return end.ec == std::errc() ? std::string(text.data(), end.ptr) : std::to_string(number);
}

/// "1 frame", "3 frames".
inline std::string count_text(std::uint64_t count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

/// Formats a limit, a delay or a timestamp with up to six digits: "0.3 s", "5 s".
inline std::string seconds_text(double seconds) {
  return number_text(seconds, std::chars_format::general, 6) + " s";
}

/// Formats a measured time: "0.312 s", "5.1 s".
inline std::string measured_seconds_text(double seconds) {
  return number_text(seconds, std::chars_format::fixed, seconds < 1 ? 3 : 1) + " s";
}

/// Rounds up, for a size that is requested: "5 MiB" for 4.2 MiB.
inline std::string mebibytes_rounded_up(std::size_t bytes) {
  return std::to_string((bytes + (std::size_t{1} << 20) - 1) >> 20) + " MiB";
}

/// Rounds down, for a size that is available: "5 MiB" for 5.9 MiB.
inline std::string mebibytes_rounded_down(std::size_t bytes) {
  return std::to_string(bytes >> 20) + " MiB";
}

/// "5.2 MiB", "120 MiB".
inline std::string measured_mebibytes_text(std::size_t bytes) {
  constexpr double kMebibyte = 1 << 20;
  const double size = static_cast<double>(bytes) / kMebibyte;
  return number_text(size, std::chars_format::fixed, size < 100 ? 1 : 0) + " MiB";
}

}  // namespace freshframe::core
