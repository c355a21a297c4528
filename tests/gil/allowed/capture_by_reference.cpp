// The twin of ../refused/capture_by_reference.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <span>

namespace gil = freshframe::gil;

double work(gil::Held& held, std::span<const double> values) {
  return gil::release(held, [](std::span<const double> v) { return v.front(); }, values);
}
