// A keep-alive handle: the object behind it dies with the last copy.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a void* or a smart pointer to void
#include "freshframe/gil.hpp"

#include <memory>
#include <vector>

namespace gil = freshframe::gil;

#ifdef FIXED
void work(gil::Held& held, const std::shared_ptr<const std::vector<double>>& a) {
  gil::release(held, [](const std::shared_ptr<const std::vector<double>>& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const std::shared_ptr<void>& a) {
  gil::release(held, [](const std::shared_ptr<void>& b) { (void)b; }, a);
}
#endif
