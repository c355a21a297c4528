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

/// Neither allocates nor throws. `layout` must outlive it.
class Walk {
 public:
  /// At the number `first` of layout.count.
  Walk(const Layout& layout, std::int64_t first) noexcept;

  /// The next numbers, 1 to `most`; as many as are asked for, or a multiple of kGathered.
  /// Valid until the next call.
  Stretch next(std::int64_t most) noexcept;

 private:
  [[nodiscard]] std::int64_t left_in_run() const noexcept;
  void advance(std::int64_t count) noexcept;
  void gather(std::int64_t count) noexcept;

  const Layout& layout_;
  std::array<const std::byte*, 2> at_{};
  std::array<std::ptrdiff_t, kMaxAxes> index_{};
  alignas(64) std::array<std::array<std::byte, kGathered * 8>,
                         2> gathered_;  // NOLINT(*-member-init): filled by gather()
};

}  // namespace freshframe::numeric
