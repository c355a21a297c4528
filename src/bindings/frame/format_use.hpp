// Which pixel formats Python asks frames for, so that a thread can make them before it waits for the GIL.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include "freshframe/frame.hpp"
#include "freshframe/sample.hpp"

#include <cstdint>

namespace freshframe::python {

/// Note [Formats made ahead]
/// A conversion releases the GIL, and in a program with a busy thread the GIL returns after the switch
/// interval, 5 ms. So the formats that a node or a reader's loop requested of its last frame are made of its
/// next frame before the thread asks for the GIL. All requests on the thread between two samples count as
/// requests of the first.
class FormatUse {
 public:
  /// Called for each frame that Python asks for `format`, or for its packed array.
  static void note(PixelFormat format) noexcept;
  static void note_packed() noexcept;

  /// Returns a number for a reader or a node's loop that no other reader or loop of the process ever has. The address
  /// would not do: after a reader has gone, another reader may get its address.
  [[nodiscard]] static std::uint64_t make_taker() noexcept;
  /// This thread is about to get a sample from `taker`. Returns its requests since it got the last one; none
  /// if that was from another taker.
  static FormatUse next(std::uint64_t taker) noexcept;

  [[nodiscard]] bool any() const noexcept { return bits_ != 0; }
  /// Makes these formats of `frame`, where they are not there yet. Without the GIL.
  void make(const Frame& frame) const noexcept;
  /// Makes them of a sample's frame, and of a set of the frame of each part.
  void make(const AnySample& sample) const noexcept;

 private:
  std::uint8_t bits_ = 0;  // one per PixelFormat, and kPacked
};

}  // namespace freshframe::python

template <>
inline constexpr bool freshframe::gil::python_free<freshframe::python::FormatUse> = true;
