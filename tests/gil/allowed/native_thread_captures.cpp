// The twin of ../refused/native_thread_captures.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(int n) {
  gil::native_thread([](gil::Released&, int m) { (void)m; }, n);
}
