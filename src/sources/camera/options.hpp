// Parses a camera's path and the options of the camera reader.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <map>
#include <string>

#include "media/stream/reconnect.hpp"
#include "sources/camera/modes.hpp"

namespace freshframe::media {

struct V4l2Options {
  CameraWish wish;
  std::map<std::string, std::string> settings = {};  // values of kCameraSettings
  int quarters = 0;                                  // clockwise quarter turns of frames
  int buffers = 4;
  int decoder_threads = 1;
  Reconnect reconnect = Reconnect::Always;
  double open_timeout = 5;  // seconds
  double read_timeout = 5;
  std::optional<double> frozen_after = {};          // see OpenOptions
  double clock_offset = 0;                          // seconds, added to the device's wall-clock times
  std::map<std::string, std::string> decoder = {};  // the user's other options
};

/// Returns "/dev/video0" for "0"; other names are returned unchanged. Throws OptionError for an impossible
/// number.
[[nodiscard]] std::string camera_path(const std::string& url);
/// Reads "format", "buffers" and the settings from the user's options. Throws OptionError.
[[nodiscard]] V4l2Options v4l2_options(const OpenOptions& options);

}  // namespace freshframe::media
