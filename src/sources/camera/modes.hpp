// Queries the modes of a camera, and chooses one.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/camera.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sources/camera/system.hpp"

namespace freshframe::media {

/// The user's request. Empty members are chosen automatically.
struct CameraWish {
  std::optional<int> width = {};
  std::optional<int> height = {};
  std::optional<double> fps = {};
  std::optional<std::uint32_t> code = {};  // V4L2_PIX_FMT_*
  bool lies = false;  // width and height are the user's, swapped: frames are rotated by 90 or 270 degrees
};

/// The mode to set. Width and height 0 keep the camera's current size.
struct CameraMode {
  std::uint32_t code = 0;
  int width = 0;
  int height = 0;
  std::optional<double> fps = {};  // nullopt if the driver does not report it
};

struct CameraOffer {
  std::vector<CameraFormat> formats = {};
  int code = 0;  // errno if the camera was lost during the query
};

/// Queries formats, sizes and frame rates. Truncates endless lists.
[[nodiscard]] CameraOffer camera_offer(const V4l2Handle& device);
/// Returns true if the driver does not support the call or entry, which is not an error of the camera.
[[nodiscard]] bool is_no(int code) noexcept;

/// Returns nullopt if no mode meets the request. Without a request prefers at least 25 fps over more pixels,
/// then the largest size up to 1280x720, raw over compressed over gray, and the highest rate up to 60 fps.
[[nodiscard]] std::optional<CameraMode> choose_mode(const std::vector<CameraFormat>& formats,
                                                    const CameraWish& wish);

/// Returns true if the rates differ by less than 0.2 %, such as 30 and 30000/1001.
[[nodiscard]] bool same_rate(double one, double other);

/// Formats the request: "1280x720 at 30 fps in mjpeg".
[[nodiscard]] std::string wish_text(const CameraWish& wish);
/// Formats the modes for messages: "mjpeg 1920x1080 (30, 15 fps), 640x480 (30 fps); yuyv 640x480 (30 fps)".
[[nodiscard]] std::string offer_text(const std::vector<CameraFormat>& formats);

}  // namespace freshframe::media
