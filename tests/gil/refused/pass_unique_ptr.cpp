// A unique_ptr to what holds an object.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a PyObject*
#include "freshframe/gil.hpp"

#include <memory>

namespace gil = freshframe::gil;

struct Job {
  PyObject* callback;
};

void work(gil::Held& held, const std::unique_ptr<Job>& a) {
  gil::release(held, [](const std::unique_ptr<Job>& b) { (void)b; }, a);
}
