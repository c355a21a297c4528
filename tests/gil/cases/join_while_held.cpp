// A thread that may want the GIL is waited for with it.
// SPDX-License-Identifier: Apache-2.0
// expect: gil: the GIL is held here and the called function needs gil::Released
#include "freshframe/gil.hpp"

#include <thread>

namespace gil = freshframe::gil;

void stop(gil::Held& held, std::thread& thread) {
#ifdef FIXED
  gil::release(held, [](gil::Released& released, std::thread& t) { gil::join(released, t); }, thread);
#else
  gil::join(held, thread);
#endif
}
