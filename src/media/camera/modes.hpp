// What a camera offers, asked of its driver, and which of it fulfils a wish.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/camera.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "media/camera/system.hpp"

namespace freshframe::media {

/// What the user asked for; what is empty is chosen.
struct CameraWish {
  std::optional<int> width = {};
  std::optional<int> height = {};
  std::optional<double> fps = {};
  std::optional<std::uint32_t> code = {};  // V4L2_PIX_FMT_*
};

/// What to set. Width and height 0: the size that the camera is set to.
struct CameraMode {
  std::uint32_t code = 0;
  int width = 0;
  int height = 0;
  std::optional<double> fps = {};  // nullopt: the driver does not say
};

struct CameraOffer {
  std::vector<CameraFormat> formats = {};
  int code = 0;  // the errno that ended the asking early: the camera has gone
};

/// Asks for formats, sizes and rates; a driver's endless lists are cut.
[[nodiscard]] CameraOffer camera_offer(const V4l2Handle& device);
/// The errno of a driver that has no such call, or no such entry: no fault of the camera.
[[nodiscard]] bool is_no(int code) noexcept;

/// nullopt: nothing that the camera offers fulfils the wish. Without a wish for it: at least 25 frames per
/// second before more pixels, the largest size up to 1280x720, raw before compressed before gray, up to 60
/// frames per second.
[[nodiscard]] std::optional<CameraMode> choose_mode(const std::vector<CameraFormat>& formats,
                                                    const CameraWish& wish);

/// 30 and 30000/1001 are one wish: the rates differ by less than 0.2 %.
[[nodiscard]] bool same_rate(double one, double other);

/// "1280x720 at 30 fps in mjpeg": what was asked for.
[[nodiscard]] std::string wish_text(const CameraWish& wish);
/// "mjpeg 1920x1080 (30, 15 fps), 640x480 (30 fps); yuyv 640x480 (30 fps)", for messages.
[[nodiscard]] std::string offer_text(const std::vector<CameraFormat>& formats);

}  // namespace freshframe::media
