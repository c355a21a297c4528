// A Python object is touched without the GIL.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::Ref::get: the GIL is released here
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

bool work(gil::Held& held, const gil::Ref& ref) {
  return gil::release(
#ifdef FIXED
      held,
      [](gil::Released& released, const gil::Ref& r) {
        return gil::acquire(released, [&r](gil::Held& again) { return r.get(again) != nullptr; });
      },
      ref);
#else
      held, [](gil::Released& released, const gil::Ref& r) { return r.get(released) != nullptr; }, ref);
#endif
}
