// The twin of ../refused/drain_while_released.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held) {
  (void)gil::DeferredFree::instance().drain(held);
}
