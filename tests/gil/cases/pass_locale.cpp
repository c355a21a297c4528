// A locale owns facets, which may be classes with Python objects in them.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a class that cannot be looked into
#include "freshframe/gil.hpp"

#include <locale>
#include <string>

namespace gil = freshframe::gil;

#ifdef FIXED
void work(gil::Held& held, const std::string& a) {
  gil::release(held, [](const std::string& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const std::locale& a) {
  gil::release(held, [](const std::locale& b) { (void)b; }, a);
}
#endif
