// The twin of ../refused/return_a_token_from_native_thread.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work() {
  gil::native_thread([](gil::Released& released) { gil::acquire(released, [](gil::Held&) {}); });
}
