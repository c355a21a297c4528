// Iterates over a layout in stretches of consecutive numbers: the memory itself where possible, a small buffer
// where the numbers are scattered.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "numeric/chunk.hpp"
#include "numeric/layout.hpp"

namespace freshframe::numeric {

/// Neither allocates nor throws. `layout` must outlive it. Numbers that are not consecutive in memory are gathered in
/// blocks of `kMost`.
template <std::int64_t kMost>
class WalkBy {
 public:
  /// At the number `first` of layout.count.
  WalkBy(const Layout& layout, std::int64_t first) noexcept;

  /// The next numbers, 1 to `most`; as many as are asked for, or a multiple of kMost.
  /// Valid until the next call.
  Stretch next(std::int64_t most) noexcept;

  /// The next `count` numbers are consecutive in memory, so that next(count) returns them all.
  [[nodiscard]] bool has_in_a_row(std::int64_t count) const noexcept;

 private:
  [[nodiscard]] std::int64_t left_in_run() const noexcept;
  void advance(std::int64_t count) noexcept;
  void gather(std::int64_t count) noexcept;

  const Layout& layout_;
  std::array<const std::byte*, 2> at_{};
  std::array<std::ptrdiff_t, kMaxAxes> index_{};
  alignas(64) std::array<std::array<std::byte, kMost * 8>,
                         2> gathered_;  // NOLINT(*-member-init): filled by gather()
};

using Walk = WalkBy<kGathered>;

/// Four of them walk side by side, and what they gather lies in the first-level cache.
inline constexpr std::int64_t kGatheredSide = 512;
using SideWalk = WalkBy<kGatheredSide>;

}  // namespace freshframe::numeric
