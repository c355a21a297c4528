// The twin of ../refused/capture_a_token_by_value.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

auto keep(gil::Held& held, PyObject* object) {
  return [ref = gil::Ref(held, object)] { (void)ref; };
}
