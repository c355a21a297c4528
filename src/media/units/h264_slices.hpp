// Finds the slices of H.264 with which another image begins (ITU-T H.264, 7.4.1.2.4).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "media/units/unit_facts.hpp"

namespace freshframe::media {

/// Where a slice, or a part of one, belongs by its own bytes.
enum class SlicePlace : std::uint8_t {
  Unknown,
  Begins,    // another image begins with it
  Continues  // it belongs to the same image as the slice before it
};

/// Differs from the standard where encoders do: slices whose addresses rise belong to one image whatever their
/// headers say, and a slice that the image already has begins another one. Headers decide where slices come in
/// any order, are redundant, are fields, or follow a loss. Without the parameter sets only the addresses count.
/// Not thread-safe.
class H264Slices {
 public:
  /// A sequence or picture parameter set. Other units are ignored. `header`: its first byte. `body`: the rest.
  void add_set(unsigned header, Bytes body);
  /// A slice, or the first partition of one (unit type 1, 2 or 5), or its beginning. `after_loss`: packets before it
  /// are lost.
  [[nodiscard]] SlicePlace place(unsigned header, Bytes body, bool after_loss);
  /// Another image has begun without its first slice. The next slice is compared with no other.
  void forget_image() noexcept;
  /// Whether the newest image is one field so far: the other field may follow.
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
    std::uint32_t first = 0;  // address of its first macroblock
    bool known = false;       // its parameter sets have come
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
  std::vector<std::uint32_t> seen_;  // addresses of the slices of the newest image, or of its second field
  std::uint32_t highest_ = 0;        // of these
  bool paired_ = false;              // the newest image has both fields
};

}  // namespace freshframe::media
