// A unique_ptr to what holds an object.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a PyObject*
#include "freshframe/gil.hpp"

#include <memory>

namespace gil = freshframe::gil;

struct Job {
#ifdef FIXED
  gil::Ref callback;
#else
  PyObject* callback;
#endif
};

void work(gil::Held& held, const std::unique_ptr<Job>& a) {
  gil::release(held, [](const std::unique_ptr<Job>& b) { (void)b; }, a);
}
