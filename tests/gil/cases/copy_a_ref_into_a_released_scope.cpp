// A reference to an object is copied on its way.
// SPDX-License-Identifier: Apache-2.0
// expect: what cannot be copied, like gil::Ref, is moved or taken by reference
#include "freshframe/gil.hpp"

#include <utility>

namespace gil = freshframe::gil;

void work(gil::Held& held, PyObject* a) {
  gil::Ref kept(held, a);
#ifdef FIXED
  gil::release(held, [](const gil::Ref& b) { (void)b; }, kept);
  gil::release(held, [](gil::Ref b) { (void)b; }, std::move(kept));
#else
  gil::release(held, [](gil::Ref b) { (void)b; }, kept);
#endif
}
