// A token in a buffer.
// SPDX-License-Identifier: Apache-2.0
// expect: deleted | private
#include "freshframe/gil.hpp"

#include <new>

namespace gil = freshframe::gil;

void work(char* buffer) {
  ::new (buffer) gil::Held;
}
