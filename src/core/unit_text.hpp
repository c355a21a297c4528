// Quantities with their units, in messages.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdio>
#include <string>

namespace freshframe::core {

/// "0.3 s", "5 s": a time that was given.
inline std::string seconds_text(double seconds) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%g s", seconds);
  return text.data();
}

/// "0.312 s", "5.1 s".
inline std::string measured_seconds_text(double seconds) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.*f s", seconds < 1 ? 3 : 1, seconds);
  return text.data();
}

/// "5 MiB" for up to 5 MiB: for a size that is requested.
inline std::string mebibytes_rounded_up(std::size_t bytes) {
  return std::to_string((bytes + (std::size_t{1} << 20) - 1) >> 20) + " MiB";
}

/// "5 MiB" from 5 MiB on: for a size that is available.
inline std::string mebibytes_rounded_down(std::size_t bytes) {
  return std::to_string(bytes >> 20) + " MiB";
}

/// "5.2 MiB", "120 MiB".
inline std::string measured_mebibytes_text(std::size_t bytes) {
  constexpr double kMebibyte = 1 << 20;
  const double size = static_cast<double>(bytes) / kMebibyte;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.*f MiB", size < 100 ? 1 : 0, size);
  return text.data();
}

}  // namespace freshframe::core
