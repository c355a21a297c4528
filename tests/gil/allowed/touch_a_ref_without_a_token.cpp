// The twin of ../refused/touch_a_ref_without_a_token.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

PyObject* look(gil::Held& held, const gil::Ref& ref) {
  return ref.get(held);
}
