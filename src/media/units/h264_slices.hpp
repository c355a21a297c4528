// Detects which H.264 slices start a new image (ITU-T H.264, 7.4.1.2.4).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "media/units/unit_facts.hpp"

namespace freshframe::media {

/// Where a slice, or part of one, belongs, judged by its own bytes.
enum class SlicePlace : std::uint8_t {
  Unknown,
  Begins,    // starts another image
  Continues  // belongs to the same image as the previous slice
};

/// Deviates from the standard where encoders do: slices with increasing addresses belong to one image
/// regardless of their headers, and a slice that the image already has starts another one. Headers decide for
/// slices in any order (ASO), redundant slices, fields and after a loss. Without the parameter sets only
/// addresses are used. Not thread-safe.
class H264Slices {
 public:
  /// Adds a sequence or picture parameter set. Ignores other units. `header`: its first byte. `body`: the
  /// rest.
  void add_set(unsigned header, Bytes body);
  /// Classifies a slice, the first partition of one (unit type 1, 2 or 5), or its start. `after_loss`:
  /// packets before it were lost.
  [[nodiscard]] SlicePlace place(unsigned header, Bytes body, bool after_loss);
  /// Call when another image has started whose first slice was lost: the next slice is not compared.
  void forget_image() noexcept;
  /// Returns true if only one field of the newest image has arrived.
  [[nodiscard]] bool is_half() const noexcept { return last_ && last_->known && last_->field && !paired_; }

 private:
  struct Sequence {
    int frame_number_bits = 0;
    std::uint32_t order_type = 0;
    int order_bits = 0;
    bool delta_always_zero = false;
    bool frames_only = false;
    bool separate_planes = false;
  };
  struct Picture {
    std::uint32_t sequence = 0;
    bool has_field_order = false;
    bool has_redundant = false;
  };
  struct Slice {
    std::uint32_t first = 0;  // first_mb_in_slice
    bool known = false;       // the parameter sets of the slice are known
    bool redundant = false;
    bool is_idr = false;
    bool reference = false;
    std::uint32_t frame_num = 0;
    bool field = false;
    bool bottom = false;
    std::uint32_t idr_id = 0;
    std::array<std::int64_t, 3> order{};

    [[nodiscard]] bool is_same_picture(const Slice& other) const noexcept;
  };

  void add_sequence(Bytes body);
  void add_picture(Bytes body);
  [[nodiscard]] Slice read(unsigned header, Bytes body) const;
  [[nodiscard]] SlicePlace compare(const Slice& slice, bool after_loss);
  [[nodiscard]] bool has(std::uint32_t first) const noexcept;
  void begin(const Slice& slice);

  std::map<std::uint32_t, Sequence> sequences_;  // by id
  std::map<std::uint32_t, Picture> pictures_;
  std::optional<Slice> last_;
  // first_mb_in_slice of each slice of the newest image, or of its second field
  std::vector<std::uint32_t> seen_;
  std::uint32_t highest_ = 0;  // the highest of seen_
  bool paired_ = false;        // the newest image has both fields
};

}  // namespace freshframe::media
