// A map of objects.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a PyObject*
#include "freshframe/gil.hpp"

#include <map>
#include <string>

namespace gil = freshframe::gil;

#ifdef FIXED
using Map = std::map<std::string, gil::Ref>;
#else
using Map = std::map<std::string, PyObject*>;
#endif

void work(gil::Held& held, const Map& a) {
  gil::release(held, [](const Map& b) { (void)b; }, a);
}
