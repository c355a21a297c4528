// Lists the cameras of this machine.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/camera.hpp"

#include <optional>
#include <string>

#include "sources/camera/system.hpp"

namespace freshframe::media {

/// Returns nullopt if the device is not a camera (an output or metadata device, or not a V4L2 device).
[[nodiscard]] std::optional<CameraInfo> camera_info(V4l2System& system, const std::string& path);

}  // namespace freshframe::media
