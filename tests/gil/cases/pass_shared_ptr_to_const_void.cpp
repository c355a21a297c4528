// A keep-alive handle of something constant.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a void* or a smart pointer to void
#include "freshframe/gil.hpp"

#include <memory>

namespace gil = freshframe::gil;

#ifdef FIXED
void work(gil::Held& held, const std::shared_ptr<const double[]>& a) {
  gil::release(held, [](const std::shared_ptr<const double[]>& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const std::shared_ptr<const void>& a) {
  gil::release(held, [](const std::shared_ptr<const void>& b) { (void)b; }, a);
}
#endif
