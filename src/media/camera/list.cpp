// The cameras of this machine and their formats.
// SPDX-License-Identifier: Apache-2.0
#include "media/camera/list.hpp"

#include "freshframe/camera.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "core/ascii.hpp"
#include "media/camera/controls.hpp"
#include "media/camera/fault.hpp"
#include "media/camera/modes.hpp"
#include <linux/videodev2.h>

namespace freshframe::media {
namespace {

namespace fs = std::filesystem;

/// 10 of "video10", -1 of anything else.
int number_of(const std::string& name) {
  constexpr std::string_view kPrefix = "video";
  if (name.rfind(kPrefix, 0) != 0 || name.size() == kPrefix.size() || name.size() > kPrefix.size() + 4)
    return -1;
  int number = 0;
  for (const char c : name.substr(kPrefix.size())) {
    if (!core::is_digit(c)) return -1;
    number = 10 * number + (c - '0');
  }
  return number;
}

}  // namespace

std::optional<CameraInfo> camera_info(V4l2System& system, const std::string& path) {
  CameraInfo info;
  info.path = path;
  const V4l2Handle device(system, path);
  v4l2_capability capability{};
  const int code = device.error() != 0 ? device.error() : device.control(VIDIOC_QUERYCAP, capability);
  if (code != 0) {
    if (code == ENOTTY || code == EINVAL) return std::nullopt;
    info.problem = camera_fault_text(path, code);
    info.problem_code = code;
    return info;
  }
  info.name = driver_text(capability.card);
  info.driver = driver_text(capability.driver);
  info.bus = driver_text(capability.bus_info);
  const auto can = (capability.capabilities & V4L2_CAP_DEVICE_CAPS) != 0 ? capability.device_caps
                                                                         : capability.capabilities;
  if ((can & V4L2_CAP_VIDEO_CAPTURE) == 0) {
    if ((can & V4L2_CAP_VIDEO_CAPTURE_MPLANE) == 0) return std::nullopt;
    info.problem = "it delivers pictures in several buffers each (multi-planar), which is not supported";
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

std::vector<std::string> camera_paths(const std::string& folder) {
  std::vector<std::pair<int, std::string>> found;
  std::error_code ignored;
  for (fs::directory_iterator entry(folder, ignored), end; !ignored && entry != end;
       entry.increment(ignored)) {
    if (const int number = number_of(entry->path().filename().string()); number >= 0)
      found.emplace_back(number, entry->path().string());
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> paths;
  for (auto& [number, path] : found) paths.push_back(std::move(path));
  return paths;
}

}  // namespace freshframe::media

namespace freshframe {

std::vector<CameraInfo> cameras() {
  std::vector<CameraInfo> result;
  for (const auto& path : media::camera_paths("/dev")) {
    if (auto info = media::camera_info(media::V4l2System::kernel(), path)) result.push_back(*std::move(info));
  }
  return result;
}

}  // namespace freshframe
