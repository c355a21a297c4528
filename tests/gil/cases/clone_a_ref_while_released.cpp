// A second reference is made while the GIL is released.
// SPDX-License-Identifier: Apache-2.0
// expect: the GIL is already released here and the called function needs gil::Held
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

#ifdef FIXED
gil::Ref work(gil::Held& held, const gil::Ref& ref) {
  return ref.clone(held);
}
#else
void work(gil::Held& held, const gil::Ref& ref) {
  gil::release(held, [](gil::Released& released, const gil::Ref& r) { (void)r.clone(released); }, ref);
}
#endif
