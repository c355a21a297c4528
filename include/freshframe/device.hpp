// Images in GPU memory. The engine itself is GPU-agnostic: the decoding layer implements these classes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/error.hpp"
#include "freshframe/frame.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace freshframe {

struct DevicePicture;

/// An image in GPU memory could not be copied or downloaded, because the GPU has failed or is out of memory.
class DeviceError : public Error {
 public:
  using Error::Error;
};

/// Owns the GPU memory of an image; the destructor may free it later. Thread-safe. All functions except
/// note_reader() throw DeviceError, and StateError in a forked child, which cannot use its parent's GPU
/// context.
class DeviceMemory {
 public:
  DeviceMemory() = default;
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;
  virtual ~DeviceMemory() = default;

  /// Waits until the image is complete, then downloads it to host memory. `to` must have the same size and
  /// format as the image.
  virtual void fetch(const MutablePicture& to) const = 0;
  /// Blocks until the image is complete.
  virtual void wait() const = 0;
  /// Makes work submitted to `stream` from now on wait until the image is complete. Does not block this
  /// thread.
  virtual void wait_on(std::uintptr_t stream) const = 0;
  /// Declares that work already submitted to `stream` may read the image, so its memory is not reused before
  /// that work is done.
  virtual void note_reader(std::uintptr_t stream) const noexcept = 0;
  /// Returns a copy on the same GPU.
  [[nodiscard]] virtual std::shared_ptr<const DevicePicture> copied() const = 0;
};

/// A plane in GPU memory. The host cannot dereference the address.
struct DevicePlane {
  std::uintptr_t address = 0;
  std::ptrdiff_t stride = 0;
};

/// An image in GPU memory.
struct DevicePicture {
  int card = 0;  // 0 for "cuda:0"
  PictureFormat format;
  std::array<DevicePlane, 2> planes{};  // NV12
  std::size_t bytes = 0;
  /// Default of Pipeline::Options::max_device_bytes, for a pipeline with images on this GPU.
  std::size_t most_bytes = 0;
  std::shared_ptr<const DeviceMemory> memory;
};

}  // namespace freshframe
