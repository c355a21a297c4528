// Lists this machine's cameras with their modes and settings (Linux, V4L2).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace freshframe {

/// An image size that a camera supports, or a range of sizes with a step, and the frame rates for it.
struct CameraSize {
  int width = 0;  // pixels; for a range, the largest width
  int height = 0;
  int min_width = 0;  // smallest width of a range, otherwise equal to width
  int min_height = 0;
  int step_width = 0;  // step of a range of widths, otherwise 0
  int step_height = 0;
  std::vector<double> fps = {};  // highest first; empty if the driver does not list them
  bool fps_range = false;        // `fps` is {highest, lowest}, and every rate in between is supported
};

/// A pixel format of a camera, with its sizes and frame rates.
struct CameraFormat {
  /// Value for options={"format": ...}, such as "mjpeg" or "yuyv"; otherwise the driver's code.
  std::string name;
  std::string description;
  std::uint32_t code = 0;  // V4L2 FourCC
  bool supported = false;  // whether freshframe can read this format
  std::vector<CameraSize> sizes = {};
};

/// A camera control. All numbers are the driver's own.
struct CameraControl {
  std::string name;  // the driver's name, such as "Exposure Time, Absolute"
  std::int64_t min = 0;
  std::int64_t max = 0;
  std::int64_t step = 1;
  std::int64_t standard = 0;  // the driver's default
  std::int64_t current = 0;
  std::string setting = {};  // the entry of kCameraSettings for this control; empty if there is none
  bool automatic = false;    // `setting` also accepts "auto"
  bool inactive = false;     // read-only for now: an automatic mode controls it
  std::vector<std::pair<std::int64_t, std::string>> menu = {};  // labels of the values, if the driver has any
};

inline constexpr const char* kCameraSettings[] = {"exposure", "gain", "focus", "white_balance"};

/// A source whose camera settings can be changed while it runs. Thread-safe. Each call briefly opens the
/// device.
class CameraSettings {
 public:
  CameraSettings() = default;
  CameraSettings(const CameraSettings&) = delete;
  CameraSettings& operator=(const CameraSettings&) = delete;
  virtual ~CameraSettings() = default;

  /// Sets one of kCameraSettings to "auto" or an integer, and sets it again after every reconnect. Throws
  /// OptionError for any other value, and SourceError if the camera is missing, does not have the control, or
  /// rejects the value.
  virtual void set_setting(const std::string& name, const std::string& value) = 0;
  /// Returns "auto" or the driver's current value. Throws SourceError.
  [[nodiscard]] virtual std::string setting(const std::string& name) const = 0;
  /// Returns all numeric controls. Throws SourceError.
  [[nodiscard]] virtual std::vector<CameraControl> controls() const = 0;
};

/// A local camera, as listed by cameras().
struct CameraInfo {
  std::string path;  // "/dev/video0"
  std::string name;
  std::string driver;        // such as "uvcvideo"
  std::string bus;           // the port that the camera is plugged into, as the kernel names it
  std::string problem = {};  // why the camera cannot be queried or used; empty if it can
  int problem_code = 0;      // errno of the problem, or 0
  std::vector<CameraFormat> formats = {};
  std::vector<CameraControl> controls = {};
};

/// Lists every /dev/video* device that captures video or cannot be queried. Opens each one briefly, which
/// takes milliseconds and does not disturb a program that is capturing from it.
[[nodiscard]] std::vector<CameraInfo> cameras();

}  // namespace freshframe
