// A token out of empty braces.
// SPDX-License-Identifier: Apache-2.0
// expect: deleted | private
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work() {
  gil::Held held{};
  gil::release(held, [] {});
}
