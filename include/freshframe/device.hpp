// Pictures in the memory of a graphics card. The engine knows no card: the layer that decodes there makes them.
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

/// A picture on a card cannot be brought to the host, or copied: the card has failed, or has no memory left.
class DeviceError : public Error {
 public:
  using Error::Error;
};

/// The memory of a picture on a card. The destructor gives the memory back, whenever that is. Thread-safe. All but
/// note_reader() throw DeviceError, and StateError in a forked child, which cannot use its parent's card.
class DeviceMemory {
 public:
  DeviceMemory() = default;
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;
  virtual ~DeviceMemory() = default;

  /// Copies the picture into the host's memory, once it is whole. `to` has its format.
  virtual void fetch(const MutablePicture& to) const = 0;
  /// Returns once the picture is whole.
  virtual void wait() const = 0;
  /// Work that `stream`, a stream of the card, gets from now on begins once the picture is whole. This thread does not wait.
  virtual void wait_on(std::uintptr_t stream) const = 0;
  /// The work that `stream` has got so far may read the picture: nothing writes there before it has ended.
  virtual void note_reader(std::uintptr_t stream) const noexcept = 0;
  /// Returns a copy on the same card.
  [[nodiscard]] virtual std::shared_ptr<const DevicePicture> copied() const = 0;
};

/// A plane on a card. The host cannot read the address.
struct DevicePlane {
  std::uintptr_t address = 0;
  std::ptrdiff_t stride = 0;
};

/// A picture on a card.
struct DevicePicture {
  int card = 0;  // of "cuda:0"
  PictureFormat format;
  std::array<DevicePlane, 2> planes{};  // NV12's
  std::size_t bytes = 0;
  /// The bytes that the pictures of a pipeline may take there, unless Pipeline::Options::max_device_bytes says otherwise.
  std::size_t most_bytes = 0;
  std::shared_ptr<const DeviceMemory> memory;
};

}  // namespace freshframe
