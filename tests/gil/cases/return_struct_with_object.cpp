// A struct with an object comes out of a released scope.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: the result is or holds a PyObject*
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

#ifdef FIXED
struct Result {
  double value;
  gil::Ref label;
};

double work(gil::Held& held) {
  const Result result = gil::release(held, [] { return Result{1.0, {}}; });
  return result.value;
}
#else
struct Result {
  double value;
  PyObject* label;
};

double work(gil::Held& held) {
  const Result result = gil::release(held, [] { return Result{1.0, nullptr}; });
  return result.value;
}
#endif
