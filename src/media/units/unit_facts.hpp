// Inspects H.264 and H.265 NAL units for slices, parameter sets and keyframes, without decoding them.
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
  bool coded = false;       // a coded slice, or part of one
  bool tail = false;        // a unit that can only follow the slices of its frame: filler, end of sequence
  bool key = false;         // a keyframe
  bool intra = false;       // an intra slice starts here
  bool inter = false;       // a slice that may refer to other frames starts here
  bool first = false;       // the first slice of a frame starts here
  bool fresh = false;       // neither this frame nor later ones refer to earlier ones
  bool reference = false;   // other frames may refer to this one
  bool disposable = false;  // no frame of its temporal layer refers to it
  bool delimiter = false;   // an access unit delimiter: the previous image is complete
  int layer = 0;            // temporal layer, for H.265 over RTP
  /// Recovery point: this many frames later all are intact, wherever decoding started.
  std::optional<int> recovery = {};
  int units = 0;     // NAL units that start here
  int sets = 0;      // parameter sets among these
  int pictures = 0;  // first slices of a frame or field

  /// Returns true if decoding can start at this frame, provided that all its slices are among the units.
  [[nodiscard]] bool can_begin() const noexcept { return key || (intra && !inter); }
};

/// `header`: the first byte of the header, which has `header_size()` bytes.
[[nodiscard]] unsigned unit_type(UnitSyntax syntax, unsigned header) noexcept;
[[nodiscard]] std::size_t header_size(UnitSyntax syntax) noexcept;

/// Records whether other frames refer to this one.
void set_reference(bool reference, UnitFacts& facts) noexcept;

/// Adds a NAL unit, or its start. `header`: the first byte. `body`: the bytes after the header.
void add_unit(UnitSyntax syntax, unsigned header, Bytes body, UnitFacts& facts) noexcept;

/// Returns the bytes after the next start code (Annex B). Searches only as far as a parameter set is long.
/// Empty if there is none.
[[nodiscard]] Bytes after_start_code(Bytes bytes) noexcept;

/// Returns the NAL units between start codes (Annex B), without the codes. Empty without a start code.
[[nodiscard]] std::vector<Bytes> split_units(Bytes units);

/// Appends the parameter sets from a sequence of NAL units with start codes.
void append_sets(UnitSyntax syntax, Bytes units, std::vector<std::uint8_t>& sets);

/// Inspects a sequence of NAL units with start codes (Annex B).
[[nodiscard]] UnitFacts look_at_units(UnitSyntax syntax, Bytes units) noexcept;

}  // namespace freshframe::media
