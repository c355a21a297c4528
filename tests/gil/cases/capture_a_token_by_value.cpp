// A closure with a token in it.
// SPDX-License-Identifier: Apache-2.0
// expect: deleted
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

#ifdef FIXED
auto keep(gil::Held& held, PyObject* object) {
  return [ref = gil::Ref(held, object)] { (void)ref; };
}
#else
auto keep(gil::Held& held) {
  return [held] { (void)held; };
}
#endif
