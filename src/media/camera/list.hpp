// The cameras of this machine: the query of one, and the search for all.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/camera.hpp"

#include <optional>
#include <string>
#include <vector>

#include "media/camera/system.hpp"

namespace freshframe::media {

/// Returns nullopt for a device that is no camera (a device for output, for metadata, or none of V4L2's).
[[nodiscard]] std::optional<CameraInfo> camera_info(V4l2System& system, const std::string& path);
/// Every "video<number>" of a folder, by number.
[[nodiscard]] std::vector<std::string> camera_paths(const std::string& folder);

}  // namespace freshframe::media
