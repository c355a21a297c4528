// The twin of ../refused/call_released_work_while_held.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

int slow(gil::Released& /*released*/) {
  return 1;
}

int work(gil::Held& held) {
  return gil::release(held, &slow);
}
