// One or two arrays of the same shape as a few nested runs through memory.
// SPDX-License-Identifier: Apache-2.0
#include "numeric/layout.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <stdexcept>
#include <string>

namespace freshframe::numeric {
namespace {

void check(const View& view) {
  if (view.shape.size() != view.strides.size()) {
    throw std::invalid_argument("shape and strides must have one entry per axis, got " +
                                std::to_string(view.shape.size()) + " and " +
                                std::to_string(view.strides.size()));
  }
  if (view.shape.size() > kMaxAxes) {
    throw std::invalid_argument("an array may have " + std::to_string(kMaxAxes) + " axes, got " +
                                std::to_string(view.shape.size()));
  }
}

// Upwards through the memory of `a`.
void turn_round(Layout& layout) {
  for (Axis& axis : layout.axes) {
    if (axis.strides[0] >= 0) continue;
    for (std::size_t i = 0; i < layout.arrays; ++i) {
      layout.data[i] += (axis.count - 1) * axis.strides[i];
      axis.strides[i] = -axis.strides[i];
    }
  }
}

// An axis with stride 0 repeats all that is inside it, so it belongs outside.
void order(std::vector<Axis>& axes) {
  if (axes.size() < 2) return;  // sorting allocates
  const auto weight = [](std::ptrdiff_t stride) {
    return stride == 0 ? std::numeric_limits<std::ptrdiff_t>::max() : std::abs(stride);
  };
  std::stable_sort(axes.begin(), axes.end(), [&](const Axis& left, const Axis& right) {
    if (left.strides[0] != right.strides[0]) return weight(left.strides[0]) > weight(right.strides[0]);
    return weight(left.strides[1]) > weight(right.strides[1]);
  });
}

// Two axes are one where the end of the inner is the next step of the outer.
void merge(std::vector<Axis>& axes) {
  std::size_t kept = 0;
  for (std::size_t i = 1; i < axes.size(); ++i) {
    Axis& outer = axes[kept];
    const Axis& inner = axes[i];
    if (outer.strides[0] == inner.strides[0] * inner.count &&
        outer.strides[1] == inner.strides[1] * inner.count) {
      outer = {.count = outer.count * inner.count, .strides = inner.strides};
    } else {
      axes[++kept] = inner;
    }
  }
  axes.resize(std::min(axes.size(), kept + 1));
}

std::int64_t count_of(const std::vector<Axis>& axes) {
  if (std::ranges::any_of(axes, [](const Axis& axis) { return axis.count == 0; })) return 0;
  std::int64_t count = 1;
  for (const Axis& axis : axes) {
    if (axis.count < 0 || __builtin_mul_overflow(count, axis.count, &count)) {
      throw std::invalid_argument("an array may have up to 2^63 - 1 numbers, got an axis of " +
                                  std::to_string(axis.count));
    }
  }
  return count;
}

bool is_direct(const Layout& layout) {
  const auto item = static_cast<std::ptrdiff_t>(layout.item);
  for (std::size_t i = 0; i < layout.arrays; ++i) {
    if (layout.axes.back().strides[i] != item) return false;
    if (reinterpret_cast<std::uintptr_t>(layout.data[i]) % layout.item != 0) return false;
    for (const Axis& axis : layout.axes) {
      if (axis.strides[i] % item != 0) return false;
    }
  }
  return true;
}

Layout finish(Layout layout) {
  layout.count = count_of(layout.axes);
  std::erase_if(layout.axes, [](const Axis& axis) { return axis.count == 1; });
  if (layout.count != 0) {
    turn_round(layout);
    order(layout.axes);
    merge(layout.axes);
  }
  if (layout.axes.empty()) {
    const auto item = static_cast<std::ptrdiff_t>(layout.item);
    layout.axes.push_back({.count = layout.count, .strides = {item, item}});
  }
  layout.direct = layout.count != 0 && is_direct(layout);
  return layout;
}

}  // namespace

Layout layout_of(const View& a) {
  check(a);
  Layout layout{.data = {a.data, nullptr}, .axes = {}, .item = size_of(a.type)};
  for (std::size_t i = 0; i < a.shape.size(); ++i) {
    layout.axes.push_back({.count = a.shape[i], .strides = {a.strides[i], 0}});
  }
  return finish(std::move(layout));
}

Layout layout_of(const View& a, const View& b) {
  check(a);
  check(b);
  if (a.type != b.type) throw std::invalid_argument("both arrays must have the same type");
  if (!std::ranges::equal(a.shape, b.shape)) {
    throw std::invalid_argument("both arrays must have the same shape");
  }
  Layout layout{.data = {a.data, b.data}, .axes = {}, .item = size_of(a.type), .arrays = 2};
  for (std::size_t i = 0; i < a.shape.size(); ++i) {
    layout.axes.push_back({.count = a.shape[i], .strides = {a.strides[i], b.strides[i]}});
  }
  return finish(std::move(layout));
}

}  // namespace freshframe::numeric
