// A unique_ptr whose deleter names another pointer type than its element's.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a PyObject*
#include "freshframe/gil.hpp"

#include <memory>

namespace gil = freshframe::gil;

struct Drop {
#ifdef FIXED
  using pointer = long*;
#else
  using pointer = PyObject*;
#endif
  void operator()(pointer owned) const;
};

void work(gil::Held& held, const std::unique_ptr<long, Drop>& a) {
  gil::release(held, [](const std::unique_ptr<long, Drop>& b) { (void)b; }, a);
}
