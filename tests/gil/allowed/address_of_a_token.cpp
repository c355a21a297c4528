// The twin of ../refused/address_of_a_token.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void keep(gil::Held& held, PyObject* object) {
  static gil::Ref kept(held, object);
  (void)kept;
}
