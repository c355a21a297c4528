// Iterates over a layout in stretches of consecutive numbers.
// SPDX-License-Identifier: Apache-2.0
#include "numeric/walk.hpp"

#include <algorithm>
#include <cstring>

namespace freshframe::numeric {
namespace {

// Four numbers at a time, with one prefetch: a cache line or less for strides of two to four.
template <std::size_t kSize>
void copy_scattered(const std::byte* from, std::ptrdiff_t stride, std::byte* to, std::int64_t count) {
  std::int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    for (std::ptrdiff_t k = 0; k < 4; ++k)
      std::memcpy(to + k * std::ptrdiff_t{kSize}, from + k * stride, kSize);
    // NOLINTNEXTLINE(performance-no-int-to-ptr): an address beyond the array is no pointer
    __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(from) + kAhead));
    from += 4 * stride;
    to += 4 * kSize;
  }
  for (; i < count; ++i) {
    std::memcpy(to, from, kSize);
    from += stride;
    to += kSize;
  }
}

void copy_run(const std::byte* from, std::ptrdiff_t stride, std::byte* to, std::int64_t count,
              std::size_t item) {
  if (stride == static_cast<std::ptrdiff_t>(item)) {
    std::memcpy(to, from, static_cast<std::size_t>(count) * item);
    return;
  }
  switch (item) {
    case 1:
      return copy_scattered<1>(from, stride, to, count);
    case 2:
      return copy_scattered<2>(from, stride, to, count);
    case 4:
      return copy_scattered<4>(from, stride, to, count);
    default:
      return copy_scattered<8>(from, stride, to, count);
  }
}

}  // namespace

template <std::int64_t kMost>
WalkBy<kMost>::WalkBy(const Layout& layout, std::int64_t first) noexcept : layout_(layout), at_(layout.data) {
  for (std::size_t i = layout.axes.size(); i-- > 0;) {
    const Axis& axis = layout.axes[i];
    index_[i] = first % axis.count;
    first /= axis.count;
    for (std::size_t k = 0; k < layout.arrays; ++k) at_[k] += index_[i] * axis.strides[k];
  }
}

template <std::int64_t kMost>
std::int64_t WalkBy<kMost>::left_in_run() const noexcept {
  const std::size_t last = layout_.axes.size() - 1;
  return layout_.axes[last].count - index_[last];
}

template <std::int64_t kMost>
bool WalkBy<kMost>::has_in_a_row(std::int64_t count) const noexcept {
  return layout_.direct && count <= left_in_run();
}

template <std::int64_t kMost>
Stretch WalkBy<kMost>::next(std::int64_t most) noexcept {
  std::int64_t count = std::min(most, left_in_run());
  if (count < most) count -= count % kMost;
  if (layout_.direct && count > 0) {
    const Stretch stretch{at_[0], at_[1], static_cast<std::size_t>(count), true};
    advance(count);
    return stretch;
  }
  count = std::min(most, kMost);
  gather(count);
  return {gathered_[0].data(), gathered_[1].data(), static_cast<std::size_t>(count), false};
}

template <std::int64_t kMost>
void WalkBy<kMost>::gather(std::int64_t count) noexcept {
  for (std::int64_t done = 0; done < count;) {
    const std::int64_t run = std::min(count - done, left_in_run());
    const auto offset = static_cast<std::size_t>(done) * layout_.item;
    for (std::size_t k = 0; k < layout_.arrays; ++k) {
      copy_run(at_[k], layout_.axes.back().strides[k], gathered_[k].data() + offset, run, layout_.item);
    }
    advance(run);
    done += run;
  }
}

// Never beyond the end of the run; at its end on to the next.
template <std::int64_t kMost>
void WalkBy<kMost>::advance(std::int64_t count) noexcept {
  std::size_t i = layout_.axes.size() - 1;
  index_[i] += count;
  for (std::size_t k = 0; k < layout_.arrays; ++k) at_[k] += count * layout_.axes[i].strides[k];
  while (index_[i] == layout_.axes[i].count && i > 0) {
    for (std::size_t k = 0; k < layout_.arrays; ++k) {
      at_[k] += layout_.axes[i - 1].strides[k] - layout_.axes[i].count * layout_.axes[i].strides[k];
    }
    index_[i] = 0;
    ++index_[--i];
  }
}

template class WalkBy<kGathered>;
template class WalkBy<kGatheredSide>;

}  // namespace freshframe::numeric
