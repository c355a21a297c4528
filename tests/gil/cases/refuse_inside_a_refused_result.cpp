// The inner mistake is told, and not again further out.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::acquire: the result is or holds a PyObject*
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held, const gil::Ref& a) {
  gil::release(
      held,
      [](gil::Released& released, const gil::Ref& b) {
#ifdef FIXED
        return gil::acquire(released, [&](gil::Held& inner) { return b.clone(inner); });
#else
        return gil::acquire(released, [&](gil::Held& inner) { return b.get(inner); });
#endif
      },
      a);
}
