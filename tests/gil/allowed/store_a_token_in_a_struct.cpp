// The twin of ../refused/store_a_token_in_a_struct.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

struct Scope {
  gil::Ref ref;
};

Scope make(gil::Held& held, PyObject* object) {
  return Scope{gil::Ref(held, object)};
}
