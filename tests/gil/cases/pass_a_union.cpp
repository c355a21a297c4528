// A union may be an object.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a class that cannot be looked into
#include "freshframe/gil.hpp"

#include <variant>

namespace gil = freshframe::gil;

#ifdef FIXED
using Value = std::variant<double, gil::Ref>;
#else
union Value {
  double number;
  PyObject* object;
};
#endif

void work(gil::Held& held, const Value& a) {
  gil::release(held, [](const Value& b) { (void)b; }, a);
}
