// A token is assigned.
// SPDX-License-Identifier: Apache-2.0
// expect: deleted
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held, gil::Held& other) {
  other = held;
}
