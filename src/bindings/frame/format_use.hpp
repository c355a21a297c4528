// Remembers which pixel formats Python requests, so that a thread can convert its next frame before it waits
// for the GIL.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include "freshframe/frame.hpp"
#include "freshframe/sample.hpp"

#include <cstdint>

namespace freshframe::python {

/// Note [Formats made ahead] A conversion releases the GIL, and in a program with a busy thread it takes the
/// switch interval, 5 ms, to get it back. So the formats that a node or a reader's loop requested for its
/// last frame are made for its next frame before the thread asks for the GIL. All requests on the thread
/// between two samples count as requests for the first.
class FormatUse {
 public:
  /// Called for each frame that Python asks for `format`, or for its packed array.
  static void note(PixelFormat format) noexcept;
  static void note_packed() noexcept;

  /// Returns a number that no other reader or node's loop of the process ever has. An address would not be
  /// unique: after a reader is destroyed, a new one may get its address.
  [[nodiscard]] static std::uint64_t make_taker() noexcept;
  /// Called when the thread is about to get a sample for `taker`. Returns the formats requested since its
  /// last sample, or none if that sample was for another taker.
  static FormatUse next(std::uint64_t taker) noexcept;

  [[nodiscard]] bool any() const noexcept { return bits_ != 0; }
  /// Converts `frame` to each of these formats that it does not have yet. Call it without the GIL.
  void make(const Frame& frame) const noexcept;
  /// Converts the frame of a sample, or the frame of each member of a set.
  void make(const AnySample& sample) const noexcept;

 private:
  std::uint8_t bits_ = 0;  // one bit per PixelFormat, plus kPacked
};

}  // namespace freshframe::python

template <>
inline constexpr bool freshframe::gil::python_free<freshframe::python::FormatUse> = true;
