// Finds cameras below /dev by the numbers in their names, and one among them by what its driver says of it.
// SPDX-License-Identifier: Apache-2.0
#include "sources/camera/devices.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/ascii.hpp"
#include "sources/camera/controls.hpp"
#include "sources/camera/fault.hpp"
#include "sources/camera/modes.hpp"

namespace freshframe::media {
namespace {

namespace fs = std::filesystem;

/// 10 of "video10", -1 of anything else.
int parse_number(const std::string& name) {
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

/// 0, or the errno of its opening or of its answer.
int ask_device(const V4l2Handle& device, v4l2_capability& into) {
  return device.error() != 0 ? device.error() : device.control(VIDIOC_QUERYCAP, into);
}

}  // namespace

std::optional<CameraInfo> camera_info(V4l2System& system, const std::string& path) {
  CameraInfo info;
  info.path = path;
  const V4l2Handle device(system, path);
  v4l2_capability capability{};
  if (const int code = ask_device(device, capability); code != 0) {
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

namespace {

bool is_numbered(const std::string& path) {
  std::error_code ignored;
  return parse_number(fs::path(path).filename().string()) >= 0 && !fs::is_symlink(path, ignored);
}

/// Another name of the same device.
bool is_link_to_numbered(const fs::path& path) {
  std::error_code ignored;
  return fs::is_symlink(path, ignored) && parse_number(fs::canonical(path, ignored).filename().string()) >= 0;
}

}  // namespace

std::vector<std::string> camera_paths(const std::string& folder) {
  std::vector<std::pair<int, std::string>> found;
  std::error_code ignored;
  for (fs::directory_iterator entry(folder, ignored), end; !ignored && entry != end;
       entry.increment(ignored)) {
    const int number = parse_number(entry->path().filename().string());
    if (number >= 0 && !is_link_to_numbered(entry->path()))
      found.emplace_back(number, entry->path().string());
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> paths;
  for (auto& [number, path] : found) paths.push_back(std::move(path));
  return paths;
}

CameraFinder::CameraFinder(std::string path, V4l2System& system)
    : given_(std::move(path)), numbered_(is_numbered(given_)), system_(system), path_(given_) {}

std::string CameraFinder::path() const {
  const Lock lock(mutex_);
  return path_;
}

void CameraFinder::remember(const V4l2Handle& device) {
  v4l2_capability capability{};
  if (ask_device(device, capability) != 0) return;  // it is lost again
  refused_ = false;
  const Lock lock(mutex_);
  identity_ = read_identity(capability);
}

int CameraFinder::find_fault(const V4l2Handle& device) const {
  const auto expected = identity();
  if (!numbered_ || expected.text.empty()) return device.error();
  v4l2_capability capability{};
  if (const int code = ask_device(device, capability); code != 0) return code;
  return read_identity(capability) == expected ? 0 : ENODEV;
}

CameraFinder::Identity CameraFinder::identity() const {
  const Lock lock(mutex_);
  return identity_;
}

void CameraFinder::find() {
  const auto lost = identity().text;
  if (!numbered_ || lost.empty() || look(path()) == Found::Same) return;
  std::vector<std::string> same;
  for (auto& path : system_.paths()) {
    if (look(path) == Found::Same) same.push_back(std::move(path));
  }
  if (same.size() == 1) {
    log(LogLevel::Warning,
        "camera '" + given_ +
            (same.front() == given_ ? "' has its own number again"
                                    : "' is '" + same.front() + "' since it was plugged in again"));
    return move(same.front());
  }
  move(given_);
  if (look(given_) != Found::Other || std::exchange(refused_, true)) return;
  throw SourceError("cannot open camera '" + given_ + "': it is another one now, and " + lost +
                        ", which was read before, is nowhere",
                    given_, ENODEV);
}

/// A device at path() that does not answer may be the camera.
CameraFinder::Found CameraFinder::look(const std::string& path) const {
  const V4l2Handle device(system_, path);
  v4l2_capability capability{};
  const int code = ask_device(device, capability);
  if (code == ENOENT || code == ENXIO || code == ENODEV) return Found::Absent;
  const bool same = code != 0 ? path == this->path() : read_identity(capability) == identity();
  return same ? Found::Same : Found::Other;
}

CameraFinder::Identity CameraFinder::read_identity(const v4l2_capability& capability) {
  const auto bus = driver_text(capability.bus_info);
  if (bus.empty()) return {};
  return {driver_text(capability.card) + " (" + driver_text(capability.driver) + " at " + bus + ")",
          capability.device_caps};
}

void CameraFinder::move(const std::string& path) {
  const Lock lock(mutex_);
  path_ = path;
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
