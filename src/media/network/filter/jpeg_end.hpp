// Finds the end of a JPEG picture by its segments, since a picture in its metadata has an end, too.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "media/units/unit_facts.hpp"

namespace freshframe::media {

/// Takes the picture in any pieces (ITU-T T.81, annex B). One thread.
class JpegEnd {
 public:
  /// Returns how many of the bytes belong to the picture: all, unless it has ended or is none.
  std::size_t add(Bytes bytes);
  [[nodiscard]] bool has_ended() const noexcept { return state_ == State::Ended; }
  [[nodiscard]] bool is_no_jpeg() const noexcept { return state_ == State::NoJpeg; }

 private:
  enum class State : std::uint8_t {
    Start,       // expects the first byte of SOI
    Soi,         // its second byte
    Marker,      // the first byte of a marker
    Code,        // its second byte
    LengthHigh,  // of a segment
    LengthLow,
    Segment,     // inside of one
    Scan,        // among coded data
    ScanMarker,  // there, behind 0xFF
    Ended,
    NoJpeg
  };

  [[nodiscard]] State after(std::uint8_t byte) noexcept;
  [[nodiscard]] State at_code(std::uint8_t code) noexcept;
  [[nodiscard]] State in_scan(std::uint8_t byte) noexcept;
  [[nodiscard]] std::size_t skipped(Bytes bytes) noexcept;

  State state_ = State::Start;
  bool begins_scan_ = false;  // the present segment is the head of coded data
  std::size_t left_ = 0;      // bytes of the present segment
};

}  // namespace freshframe::media
