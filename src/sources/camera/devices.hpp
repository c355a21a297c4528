// The cameras of this machine.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/camera.hpp"

#include <optional>
#include <string>

#include "sources/camera/system.hpp"

namespace freshframe::media {

/// Returns nullopt for a device that is no camera (a device for output, for metadata, or none of V4L2's).
[[nodiscard]] std::optional<CameraInfo> camera_info(V4l2System& system, const std::string& path);

}  // namespace freshframe::media
