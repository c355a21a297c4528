// A token's address.
// SPDX-License-Identifier: Apache-2.0
// expect: deleted
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

#ifdef FIXED
void keep(gil::Held& held, PyObject* object) {
  static gil::Ref kept(held, object);
  (void)kept;
}
#else
void keep(gil::Held& held) {
  static gil::Held* kept = &held;
  (void)kept;
}
#endif
