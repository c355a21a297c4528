// The sole owner of anything.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a void* or a smart pointer to void
#include "freshframe/gil.hpp"

#include <memory>

namespace gil = freshframe::gil;

struct Drop {
#ifdef FIXED
  void operator()(double* owned) const;
#else
  void operator()(void* owned) const;
#endif
};

#ifdef FIXED
void work(gil::Held& held, const std::unique_ptr<double, Drop>& a) {
  gil::release(held, [](const std::unique_ptr<double, Drop>& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const std::unique_ptr<void, Drop>& a) {
  gil::release(held, [](const std::unique_ptr<void, Drop>& b) { (void)b; }, a);
}
#endif
