// The cameras of this machine, the modes that they offer, and their settings (Linux, V4L2).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace freshframe {

/// A picture size that a camera offers, or a grid of sizes, with its rates.
struct CameraSize {
  int width = 0;  // pixels; of a grid: the largest
  int height = 0;
  int min_width = 0;  // the smallest of a grid, otherwise equal to width
  int min_height = 0;
  int step_width = 0;  // 0: one size, no grid
  int step_height = 0;
  std::vector<double> fps = {};  // frames per second, highest first; empty means the driver does not say
  bool fps_range = false;        // `fps` is {highest, lowest}, and any rate in between is supported
};

/// One pixel format of a camera with its sizes and rates.
struct CameraFormat {
  std::string name;         // a value for options={"format": ...}: "mjpeg", "yuyv"; else the driver's code
  std::string description;  // the driver's words
  std::uint32_t code = 0;   // V4L2's four-character code
  bool supported = false;   // freshframe can read it
  std::vector<CameraSize> sizes = {};
};

/// One control of a camera, in the driver's own numbers.
struct CameraControl {
  std::string name;  // the driver's: "Exposure Time, Absolute"
  std::int64_t min = 0;
  std::int64_t max = 0;
  std::int64_t step = 1;
  std::int64_t standard = 0;  // the driver's default
  std::int64_t current = 0;
  std::string setting = {};  // the one of kCameraSettings whose number this is; empty means none
  bool automatic = false;    // that setting also takes "auto"
  bool inactive = false;     // an automatic mode determines the value
  std::vector<std::pair<std::int64_t, std::string>> menu = {};  // the words of the values, if it has words
};

/// The names of the settings that a CameraSettings has.
inline constexpr const char* kCameraSettings[] = {"exposure", "gain", "focus", "white_balance"};

/// A source whose camera can be set while it runs. Thread-safe; each call opens the device for a moment.
class CameraSettings {
 public:
  CameraSettings() = default;
  CameraSettings(const CameraSettings&) = delete;
  CameraSettings& operator=(const CameraSettings&) = delete;
  virtual ~CameraSettings() = default;

  /// Sets one of kCameraSettings to "auto" or a whole number, and again after each outage. Throws OptionError
  /// for a value that is neither, SourceError if the camera is missing, lacks the control, or refuses the value.
  virtual void set_setting(const std::string& name, const std::string& value) = 0;
  /// "auto" or the number that the driver has. Throws SourceError.
  [[nodiscard]] virtual std::string setting(const std::string& name) const = 0;
  /// Every control of the camera that has a number. Throws SourceError.
  [[nodiscard]] virtual std::vector<CameraControl> controls() const = 0;
};

/// One camera of this machine.
struct CameraInfo {
  std::string path;          // "/dev/video0"
  std::string name;          // the camera's own
  std::string driver;        // for example "uvcvideo"
  std::string bus;           // the plug, as the kernel names it
  std::string problem = {};  // why it cannot be queried or used; empty means no problem
  int problem_code = 0;      // the errno of the problem, 0: none
  std::vector<CameraFormat> formats = {};
  std::vector<CameraControl> controls = {};
};

/// Every /dev/video* that captures pictures, and every device that cannot be queried. Opens each for a
/// moment, which takes milliseconds and does not disturb a program that captures.
[[nodiscard]] std::vector<CameraInfo> cameras();

}  // namespace freshframe
