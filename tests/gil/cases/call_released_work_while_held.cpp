// A function for released code is called with the GIL held.
// SPDX-License-Identifier: Apache-2.0
// expect: the GIL is held here and the called function needs gil::Released
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

int slow(gil::Released& /*released*/) {
  return 1;
}

int work(gil::Held& held) {
#ifdef FIXED
  return gil::release(held, &slow);
#else
  return slow(held);
#endif
}
