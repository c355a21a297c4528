// A function that hands out a token.
// SPDX-License-Identifier: Apache-2.0
// expect: deleted
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

gil::Held steal(gil::Held& held) {
  return held;
}
