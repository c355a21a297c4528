// The twin of ../refused/refuse_inside_a_refused_result.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held, const gil::Ref& a) {
  gil::release(
      held,
      [](gil::Released& released, const gil::Ref& b) {
        return gil::acquire(released, [&](gil::Held& inner) { return b.clone(inner); });
      },
      a);
}
