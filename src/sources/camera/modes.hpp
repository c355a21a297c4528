// The modes of a camera, queried from its driver, and the choice of one.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/camera.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sources/camera/system.hpp"

namespace freshframe::media {

/// The user's request. Empty members are chosen.
struct CameraWish {
  std::optional<int> width = {};
  std::optional<int> height = {};
  std::optional<double> fps = {};
  std::optional<std::uint32_t> code = {};  // V4L2_PIX_FMT_*
};

/// The mode to set. Width and height 0: the camera's present size.
struct CameraMode {
  std::uint32_t code = 0;
  int width = 0;
  int height = 0;
  std::optional<double> fps = {};  // nullopt means the driver does not say
};

struct CameraOffer {
  std::vector<CameraFormat> formats = {};
  int code = 0;  // the errno that ended the query early: the camera is lost
};

/// Queries formats, sizes and rates. Endless lists of a driver are cut.
[[nodiscard]] CameraOffer camera_offer(const V4l2Handle& device);
/// The errno for a missing call or entry of the driver, which is no fault of the camera.
[[nodiscard]] bool is_no(int code) noexcept;

/// Returns nullopt if no mode of the camera meets the request. Without a request: at least 25 frames per
/// second before more pixels, the largest size up to 1280x720, raw before compressed before gray, up to 60
/// frames per second.
[[nodiscard]] std::optional<CameraMode> choose_mode(const std::vector<CameraFormat>& formats,
                                                    const CameraWish& wish);

/// Returns true for 30 and 30000/1001: the rates differ by less than 0.2 %.
[[nodiscard]] bool same_rate(double one, double other);

/// "1280x720 at 30 fps in mjpeg": the request as text.
[[nodiscard]] std::string wish_text(const CameraWish& wish);
/// "mjpeg 1920x1080 (30, 15 fps), 640x480 (30 fps); yuyv 640x480 (30 fps)", for messages.
[[nodiscard]] std::string offer_text(const std::vector<CameraFormat>& formats);

}  // namespace freshframe::media
