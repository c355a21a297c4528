// A closure with a token in it.
// SPDX-License-Identifier: Apache-2.0
// expect: deleted
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

auto keep(gil::Held& held) {
  return [held] { (void)held; };
}
