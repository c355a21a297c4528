// Finds a camera that was plugged in again, by the identity that its driver reports.
// SPDX-License-Identifier: Apache-2.0
#include "sources/camera/camera_finder.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

namespace freshframe::media {
namespace {

bool is_numbered(const std::string& path) {
  std::error_code ignored;
  return parse_device_number(std::filesystem::path(path).filename().string()) >= 0 &&
         !std::filesystem::is_symlink(path, ignored);
}

}  // namespace

CameraFinder::CameraFinder(std::string path, V4l2System& system)
    : given_(std::move(path)), numbered_(is_numbered(given_)), system_(system), path_(given_) {}

std::string CameraFinder::path() const {
  const Lock lock(mutex_);
  return path_;
}

void CameraFinder::remember(const V4l2Handle& device) {
  v4l2_capability capability{};
  if (query_capability(device, capability) != 0) return;  // unplugged again
  refused_ = false;
  const Lock lock(mutex_);
  identity_ = read_identity(capability);
}

int CameraFinder::find_fault(const V4l2Handle& device) const {
  const auto expected = identity();
  if (!numbered_ || expected.text.empty()) return device.error();
  v4l2_capability capability{};
  if (const int code = query_capability(device, capability); code != 0) return code;
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
  throw SourceError("cannot reopen camera '" + given_ + "': it is a different camera now, and " + lost +
                        ", which was open before, is not connected",
                    given_, ENODEV);
}

/// A device at path() that does not respond may still be the camera.
CameraFinder::Found CameraFinder::look(const std::string& path) const {
  const V4l2Handle device(system_, path);
  v4l2_capability capability{};
  const int code = query_capability(device, capability);
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
