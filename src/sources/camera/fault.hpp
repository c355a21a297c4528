// Faults of cameras as messages: the reason, the remedy, and the programs that use the camera.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace freshframe::media {

/// "firefox (pid 4242)" for the programs that have the device open, if `proc` shows them to this user;
/// empty when it shows none. `path`: the device.
[[nodiscard]] std::string camera_holder(const std::string& path, const std::string& proc = "/proc");

/// The meaning of errno `code` for the camera at `path`, and the remedy; without a full stop.
[[nodiscard]] std::string camera_fault_text(const std::string& path, int code);

/// `doing`: "open", "start", ...: "cannot open camera '/dev/video0': ..."
[[noreturn]] void throw_camera_fault(const std::string& path, const std::string& doing, int code);

}  // namespace freshframe::media
