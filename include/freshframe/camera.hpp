// The cameras of this machine and the modes that they offer (Linux, V4L2).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace freshframe {

/// A picture size that a camera offers, or a grid of sizes, with its rates.
struct CameraSize {
  int width = 0;  // pixels; of a grid: the largest
  int height = 0;
  int min_width = 0;  // of a grid: the smallest, else width
  int min_height = 0;
  int step_width = 0;  // 0: one size, no grid
  int step_height = 0;
  std::vector<double> fps = {};  // frames per second, highest first; empty: the driver does not say
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

/// One camera of this machine.
struct CameraInfo {
  std::string path;          // "/dev/video0"
  std::string name;          // the camera's own
  std::string driver;        // for example "uvcvideo"
  std::string bus;           // where it is plugged in
  std::string problem = {};  // why it cannot be queried or used; empty: no problem
  int problem_code = 0;      // the errno of the problem, 0: none
  std::vector<CameraFormat> formats = {};
};

/// Every /dev/video* that captures pictures, and every one that cannot be queried. Opens each for a moment,
/// which takes milliseconds and does not disturb a program that captures.
[[nodiscard]] std::vector<CameraInfo> cameras();

}  // namespace freshframe
