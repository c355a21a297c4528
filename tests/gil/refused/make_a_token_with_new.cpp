// A token on the heap.
// SPDX-License-Identifier: Apache-2.0
// expect: deleted | private
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

gil::Held* make() {
  return new gil::Held;
}
