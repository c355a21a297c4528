// The twin of ../refused/return_a_token_by_value.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

gil::Held& same(gil::Held& held) {
  return held;
}
