// NumPy views of pictures, and pictures of NumPy arrays.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include "freshframe/frame.hpp"

#include <string>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

namespace freshframe::python {

/// The object itself, or, where it shows its memory by the buffer protocol and is no NumPy array, a NumPy
/// array of that memory. nanobind reads strides, which ctypes leaves out, and holds the object but not its
/// buffer, so that a memoryview could be released.
[[nodiscard]] nanobind::object with_strides(nanobind::object object);
/// A read-only uint8 array of shape (height, width) or (height, width, channels); `owner` keeps the memory.
[[nodiscard]] nanobind::object plane_view(const Plane& plane, int channels, nanobind::handle owner);
/// The frame's own format as one array, read-only (see Frame.array in Python).
[[nodiscard]] nanobind::object packed_view(gil::Held& held, const Frame& frame);
/// A writable copy in the layout of packed_view().
[[nodiscard]] nanobind::object packed_copy(gil::Held& held, const Frame& frame);
/// Makes a frame of an array. `format` is one of the pixel formats, or "bgra" or "rgba", whose alpha is dropped.
[[nodiscard]] Frame frame_from_array(gil::Held& held, nanobind::object array, const std::string& format,
                                     bool copy);
/// A Frame itself, or a uint8 array of shape (H, W), or (H, W, 3) in BGR order, as a frame; made by copying when it must
/// be. `who` is for messages.
[[nodiscard]] Frame to_frame(gil::Held& held, nanobind::object picture, const char* who);
/// The pixel format of that name; OptionError lists them.
[[nodiscard]] PixelFormat parse_format(const std::string& name);

}  // namespace freshframe::python
