// Exposure, gain, focus and white balance of a camera: V4L2 controls, set in the right order and read back.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/camera.hpp"
#include "freshframe/mutex.hpp"

#include <map>
#include <string>
#include <vector>

#include "media/camera/system.hpp"

namespace freshframe::media {

/// Every control with a number, of a driver that lists them.
[[nodiscard]] std::vector<CameraControl> camera_controls(const V4l2Handle& device);

/// Throws OptionError unless `value` is "auto" or a whole number.
void check_setting(const std::string& name, const std::string& value);

/// The settings of one source. Thread-safe: a call has a descriptor of its own.
class CameraControls {
 public:
  CameraControls(std::string path, std::map<std::string, std::string> wishes, V4l2System& system);

  /// As in CameraSettings.
  void set(const std::string& name, const std::string& value);
  [[nodiscard]] std::string get(const std::string& name) const;
  [[nodiscard]] std::vector<CameraControl> all() const;
  /// Sets every wish. Throws SourceError.
  void apply(const V4l2Handle& device) const;

 private:
  std::string path_;
  V4l2System& system_;
  /// Held during the driver's calls: a value that is set during a reconnection is not replaced by the one before.
  mutable Mutex mutex_;
  std::map<std::string, std::string> wishes_ FRESHFRAME_GUARDED_BY(mutex_);
};

}  // namespace freshframe::media
