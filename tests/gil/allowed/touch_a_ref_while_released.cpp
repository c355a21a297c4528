// The twin of ../refused/touch_a_ref_while_released.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

bool work(gil::Held& held, const gil::Ref& ref) {
  return gil::release(
      held,
      [](gil::Released& released, const gil::Ref& r) {
        return gil::acquire(released, [&r](gil::Held& again) { return r.get(again) != nullptr; });
      },
      ref);
}
