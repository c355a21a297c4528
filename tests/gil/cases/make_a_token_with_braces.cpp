// A token out of empty braces.
// SPDX-License-Identifier: Apache-2.0
// expect: deleted | private
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

#ifdef FIXED
void work(gil::Held& held) {
  gil::release(held, [] {});
}
#else
void work() {
  gil::Held held{};
  gil::release(held, [] {});
}
#endif
