// The twin of ../refused/native_thread_without_a_parameter.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work() {
  gil::native_thread([](gil::Released&) {});
}
