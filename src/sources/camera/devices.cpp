// Lists the cameras of this machine with the details that their drivers report.
// SPDX-License-Identifier: Apache-2.0
#include "sources/camera/devices.hpp"

#include <cerrno>
#include <utility>

#include "sources/camera/controls.hpp"
#include "sources/camera/fault.hpp"
#include "sources/camera/modes.hpp"

namespace freshframe::media {

std::optional<CameraInfo> camera_info(V4l2System& system, const std::string& path) {
  CameraInfo info;
  info.path = path;
  const V4l2Handle device(system, path);
  v4l2_capability capability{};
  if (const int code = query_capability(device, capability); code != 0) {
    if (code == ENOTTY || code == EINVAL) return std::nullopt;
    info.problem = camera_fault_text(path, code);
    info.problem_code = code;
    return info;
  }
  info.name = driver_text(capability.card);
  info.driver = driver_text(capability.driver);
  info.bus = driver_text(capability.bus_info);
  const auto can = device_abilities(capability);
  if ((can & V4L2_CAP_VIDEO_CAPTURE) == 0) {
    if ((can & V4L2_CAP_VIDEO_CAPTURE_MPLANE) == 0) return std::nullopt;
    info.problem = "it delivers images in several buffers each (multi-planar), which is not supported";
    info.problem_code = ENOTSUP;
    return info;
  }
  auto offer = camera_offer(device);
  info.formats = std::move(offer.formats);
  info.controls = camera_controls(device);
  if (offer.code != 0) info.problem = camera_fault_text(path, offer.code);
  info.problem_code = offer.code;
  return info;
}

}  // namespace freshframe::media

namespace freshframe {

std::vector<CameraInfo> cameras() {
  std::vector<CameraInfo> result;
  for (const auto& path : media::V4l2System::kernel().paths()) {
    if (auto info = media::camera_info(media::V4l2System::kernel(), path)) result.push_back(*std::move(info));
  }
  return result;
}

}  // namespace freshframe
