// A Released token out of nothing.
// SPDX-License-Identifier: Apache-2.0
// expect: deleted | private
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

#ifdef FIXED
void work(gil::Released& released) {
  gil::acquire(released, [](gil::Held&) {});
}
#else
void work() {
  gil::Released released;
  gil::acquire(released, [](gil::Held&) {});
}
#endif
