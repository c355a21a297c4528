// Exposure, gain, focus and white balance of a camera: V4L2 controls, set in the right order and read back.
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

/// Every control with a number, of a driver that lists them.
[[nodiscard]] std::vector<CameraControl> camera_controls(const V4l2Handle& device);

/// Throws OptionError unless `value` is "auto" or a whole number.
void check_setting(const std::string& name, const std::string& value);

/// The settings of one source. Thread-safe: a call has its own descriptor.
class CameraControls {
 public:
  CameraControls(const CameraFinder& place, std::map<std::string, std::string> wishes, V4l2System& system);

  /// Takes the names of CameraSettings. A setting that fails changes nothing in the camera.
  void set(const std::string& name, const std::string& value);
  [[nodiscard]] std::string get(const std::string& name) const;
  [[nodiscard]] std::vector<CameraControl> all() const;
  /// Sets every wish, or none: then it throws SourceError. Once all of them were set, it leaves out and reports
  /// wishes that the camera refuses: only a camera that is lost is an error.
  void apply(const V4l2Handle& device);
  /// Whether set() or apply() has changed what show() shows since the last call.
  [[nodiscard]] bool take_change() noexcept { return changed_.exchange(false); }
  /// SourceStats::settings and settings_reason.
  void show(SourceCounters& book) const;

 private:
  struct Setting {
    std::string wish;
    std::optional<std::string> found = {};  // in the driver, after the wish was set
    std::string refused = {};               // why the camera runs without it
  };
  void apply_all(const V4l2Handle& device, std::vector<std::string>& told) FRESHFRAME_REQUIRES(mutex_);
  void apply_each(const V4l2Handle& device, std::vector<std::string>& told) FRESHFRAME_REQUIRES(mutex_);

  const CameraFinder& place_;
  V4l2System& system_;
  /// Held during the driver's calls: a value that is set during a reconnection is not replaced by the one before.
  mutable Mutex mutex_{LockRank::Graph};  // held while the place's is locked
  std::map<std::string, Setting> settings_ FRESHFRAME_GUARDED_BY(mutex_);
  bool all_were_taken_ FRESHFRAME_GUARDED_BY(mutex_) = false;
  std::atomic<bool> changed_{false};
};

}  // namespace freshframe::media
