// The contents of units of H.264 and H.265, without taking them apart: slices, parameter sets, keyframes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace freshframe::media {

using Bytes = std::span<const std::uint8_t>;

/// NAL units of ITU-T H.264 and H.265.
enum class UnitSyntax : std::uint8_t { H264, H265 };

struct UnitFacts {
  bool coded = false;  // a coded slice, or a part of one
  bool tail = false;   // a unit that can only follow the slices of its picture: filler, the end of a sequence
  bool key = false;    // decoding can begin with this picture
  bool intra = false;  // a slice that refers to no other picture begins here
  bool inter = false;  // a slice that may refer to another one begins here
  bool first = false;  // the first slice of a picture begins here
  bool fresh = false;  // neither this picture nor a later one refers to one before it
  bool reference = false;   // others may refer to this picture
  bool disposable = false;  // none of its layer does
  bool delimiter = false;   // an access unit delimiter: the image before it is complete
  int layer = 0;            // the temporal one, of a packet of RTP with H.265
  /// Recovery point: this number of pictures later all are whole, wherever decoding has begun before it.
  std::optional<int> recovery = {};
  int units = 0;     // units that begin here
  int sets = 0;      // parameter sets among these
  int pictures = 0;  // first slices of a picture or field

  /// Decoding can begin with this picture, if all its slices are among the units.
  [[nodiscard]] bool can_begin() const noexcept { return key || (intra && !inter); }
};

/// `header`: its first byte. It has `header_size()` bytes.
[[nodiscard]] unsigned unit_type(UnitSyntax syntax, unsigned header) noexcept;
[[nodiscard]] std::size_t header_size(UnitSyntax syntax) noexcept;

/// Whether others refer to a picture.
void set_reference(bool reference, UnitFacts& facts) noexcept;

/// Adds one unit, or its beginning. `header`: the first byte. `body`: the bytes after the header.
void add_unit(UnitSyntax syntax, unsigned header, Bytes body, UnitFacts& facts) noexcept;

/// Returns the bytes after the next start code (Annex B), if it is among the first bytes: at most the length of
/// parameter sets. Empty without one.
[[nodiscard]] Bytes after_start_code(Bytes bytes) noexcept;

/// Appends the parameter sets among units that all have start codes before them.
void append_sets(UnitSyntax syntax, Bytes units, std::vector<std::uint8_t>& sets);

/// The facts of units that all have start codes before them (Annex B).
[[nodiscard]] UnitFacts look_at_units(UnitSyntax syntax, Bytes units) noexcept;

}  // namespace freshframe::media
