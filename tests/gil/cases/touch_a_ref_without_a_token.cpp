// A Python object is touched by who has no token.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::Ref::get: a Python object can be touched only with the gil::Held token
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

#ifdef FIXED
PyObject* look(gil::Held& held, const gil::Ref& ref) {
  return ref.get(held);
}
#else
PyObject* look(const gil::Ref& ref) {
  return ref.get();
}
#endif
