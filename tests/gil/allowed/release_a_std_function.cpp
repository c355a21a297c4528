// The twin of ../refused/release_a_std_function.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held, void (*function)()) {
  gil::release(held, function);
}
