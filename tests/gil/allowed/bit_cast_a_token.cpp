// The twin of ../refused/bit_cast_a_token.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <bit>

namespace gil = freshframe::gil;

void work(char (&bits)[sizeof(int)]) {
  (void)std::bit_cast<int>(bits);
}
