// The twin of ../refused/released_function_takes_held.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held) {
  gil::release(held, [](gil::Released& /*inner*/) {});
}
