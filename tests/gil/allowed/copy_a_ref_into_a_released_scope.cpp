// The twin of ../refused/copy_a_ref_into_a_released_scope.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <utility>

namespace gil = freshframe::gil;

void work(gil::Held& held, PyObject* a) {
  gil::Ref kept(held, a);
  gil::release(held, [](const gil::Ref& b) { (void)b; }, kept);
  gil::release(held, [](gil::Ref b) { (void)b; }, std::move(kept));
}
