// The twin of ../refused/clear_a_ref_while_released.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held, gil::Ref& ref) {
  gil::release(held, [](gil::Ref& r) { r = gil::Ref(); }, ref);
}
