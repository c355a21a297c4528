// Everything is captured by reference.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: the function captures something
#include "freshframe/gil.hpp"

#include <span>

namespace gil = freshframe::gil;

double work(gil::Held& held, std::span<const double> values) {
  return gil::release(held, [&] { return values.front(); });
}
