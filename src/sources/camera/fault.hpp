// Explains camera errors: the reason, the remedy, and the programs that use the camera.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace freshframe::media {

/// Returns the programs that have the device `path` open, as "firefox (pid 4242)"; empty if `proc` does not
/// show them to this user.
[[nodiscard]] std::string camera_holder(const std::string& path, const std::string& proc = "/proc");

/// Returns what errno `code` means for the camera at `path`, and the remedy, without a full stop.
[[nodiscard]] std::string camera_fault_text(const std::string& path, int code);

/// Throws "cannot open camera '/dev/video0': ...". `doing`: "open", "start", ...
[[noreturn]] void throw_camera_fault(const std::string& path, const std::string& doing, int code);

}  // namespace freshframe::media
