// Everything is captured by reference.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: the function captures something
#include "freshframe/gil.hpp"

#include <span>

namespace gil = freshframe::gil;

double work(gil::Held& held, std::span<const double> values) {
#ifdef FIXED
  return gil::release(held, [](std::span<const double> v) { return v.front(); }, values);
#else
  return gil::release(held, [&] { return values.front(); });
#endif
}
