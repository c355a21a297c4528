// A token's address.
// SPDX-License-Identifier: Apache-2.0
// expect: deleted
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void keep(gil::Held& held) {
  static gil::Held* kept = &held;
  (void)kept;
}
