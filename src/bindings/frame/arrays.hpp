// Converts between images and NumPy arrays.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include "freshframe/frame.hpp"

#include <string>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

namespace freshframe::python {

/// Returns the object itself, or a NumPy array of its memory if it is not a NumPy array but supports the
/// buffer protocol. nanobind needs that array, since it reads strides, which ctypes leaves out, and holds the
/// object but not its buffer, so that a memoryview could be released too early.
[[nodiscard]] nanobind::object with_strides(nanobind::object object);
/// Returns a read-only uint8 array of shape (height, width) or (height, width, channels). `owner` keeps the
/// memory alive.
[[nodiscard]] nanobind::object plane_view(const Plane& plane, int channels, nanobind::handle owner);
/// Returns the frame as one read-only array in its own format (see Frame.array in Python).
[[nodiscard]] nanobind::object packed_view(gil::Held& held, const Frame& frame);
/// A writable copy in the layout of packed_view().
[[nodiscard]] nanobind::object packed_copy(gil::Held& held, const Frame& frame);
/// Makes a frame of an array. `format` is one of the pixel formats, or "bgra" or "rgba", whose alpha is
/// dropped.
[[nodiscard]] Frame frame_from_array(gil::Held& held, nanobind::object array, const std::string& format,
                                     bool copy);
/// Returns a Frame unchanged, or makes one of a uint8 array of shape (H, W), or (H, W, 3) in BGR order.
/// Copies only if necessary. `who` is for messages.
[[nodiscard]] Frame to_frame(gil::Held& held, nanobind::object picture, const char* who);
/// Returns the pixel format of that name. Throws OptionError with the valid names.
[[nodiscard]] PixelFormat parse_format(const std::string& name);

}  // namespace freshframe::python
