// A struct with a token in it.
// SPDX-License-Identifier: Apache-2.0
// expect: deleted
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

#ifdef FIXED
struct Scope {
  gil::Ref ref;
};

Scope make(gil::Held& held, PyObject* object) {
  return Scope{gil::Ref(held, object)};
}
#else
struct Scope {
  gil::Held held;
};

Scope make(gil::Held& held) {
  return Scope{held};
}
#endif
