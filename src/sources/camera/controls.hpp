// Exposure, gain, focus and white balance: sets V4L2 controls in the right order and reads them back.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/camera.hpp"
#include "freshframe/mutex.hpp"
#include "freshframe/stats.hpp"

#include <atomic>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sources/camera/camera_finder.hpp"
#include "sources/camera/system.hpp"

namespace freshframe::media {

/// Returns every numeric control that the driver lists.
[[nodiscard]] std::vector<CameraControl> camera_controls(const V4l2Handle& device);

/// Throws OptionError unless `value` is "auto" or a whole number.
void check_setting(const std::string& name, const std::string& value);

/// The settings of one source. Thread-safe: each call opens its own descriptor.
class CameraControls {
 public:
  CameraControls(const CameraFinder& place, std::map<std::string, std::string> wishes, V4l2System& system);

  /// `name`: as in CameraSettings. If a setting fails, the camera is left unchanged.
  void set(const std::string& name, const std::string& value);
  [[nodiscard]] std::string get(const std::string& name) const;
  [[nodiscard]] std::vector<CameraControl> all() const;
  /// Sets all requested values, or none and throws SourceError. After the first success, values that the
  /// camera rejects are skipped and reported, so only a lost camera is an error.
  void apply(const V4l2Handle& device);
  /// Returns true if the contents of show() changed since the last call.
  [[nodiscard]] bool take_change() noexcept { return changed_.exchange(false); }
  /// Fills SourceStats::settings and settings_reason.
  void show(SourceCounters& book) const;

 private:
  struct Setting {
    std::string wish;
    std::optional<std::string> found = {};  // value in the driver after setting
    std::string refused = {};               // why the camera runs without this setting
  };
  void apply_all(const V4l2Handle& device, std::vector<std::string>& told) FRESHFRAME_REQUIRES(mutex_);
  void apply_each(const V4l2Handle& device, std::vector<std::string>& told) FRESHFRAME_REQUIRES(mutex_);

  const CameraFinder& place_;
  V4l2System& system_;
  /// Held during driver calls, so that a reconnection cannot overwrite a newly set value with an old one.
  mutable Mutex mutex_{LockRank::Graph};  // acquired before the CameraFinder's mutex
  std::map<std::string, Setting> settings_ FRESHFRAME_GUARDED_BY(mutex_);
  bool all_were_taken_ FRESHFRAME_GUARDED_BY(mutex_) = false;
  std::atomic<bool> changed_{false};
};

}  // namespace freshframe::media
