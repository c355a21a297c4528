// The wall time of a sample, and which clock it was read from.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>

namespace freshframe {

/// Which clock a wall time was read from. None: there is no wall time. Arrival: this machine's clock when the
/// packet arrived, so it is late by the latency of the network and the camera's encoder. File: the file's
/// creation time plus pts. Device: this machine's clock when the device captured the image. Camera: the
/// camera's own clock. Browser: the capture time that a browser gave, by this machine's clock.
enum class UtcFrom : std::uint8_t { None, Arrival, File, Device, Camera, Browser };
inline constexpr int kUtcFroms = 6;

[[nodiscard]] std::string_view to_string(UtcFrom from) noexcept;

/// The wall time at which an image was captured.
struct Utc {
  static constexpr float kUnknown = std::numeric_limits<float>::infinity();

  double seconds = 0;      // Unix time; 0 if `from` is None
  float error = kUnknown;  // uncertainty of `seconds` (plus or minus), as stated by that clock
  UtcFrom from = UtcFrom::None;
};

}  // namespace freshframe
