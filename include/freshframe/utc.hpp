// The wall time of a picture, and which clock gave it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>

namespace freshframe {

/// The clock of a wall time. None means that the sample has no wall time. Arrival: this machine's,
/// when the packet arrived, which is late by the network and by the camera's encoder. File: the file's
/// creation time plus pts. Device: this machine's, when the device took the picture. Camera: the camera's
/// own.
enum class UtcFrom : std::uint8_t { None, Arrival, File, Device, Camera };
inline constexpr int kUtcFroms = 5;

/// "none", "arrival", "file", "device" or "camera".
[[nodiscard]] std::string_view to_string(UtcFrom from) noexcept;

/// The wall time at which a picture was taken.
struct Utc {
  static constexpr float kUnknown = std::numeric_limits<float>::infinity();

  double seconds = 0;      // Unix time; 0 if `from` is None
  float error = kUnknown;  // seconds: half the width of what is known of `seconds`, as that clock goes
  UtcFrom from = UtcFrom::None;
};

}  // namespace freshframe
