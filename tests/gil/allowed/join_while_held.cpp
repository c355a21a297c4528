// The twin of ../refused/join_while_held.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <thread>

namespace gil = freshframe::gil;

void stop(gil::Held& held, std::thread& thread) {
  gil::release(held, [](gil::Released& released, std::thread& t) { gil::join(released, t); }, thread);
}
