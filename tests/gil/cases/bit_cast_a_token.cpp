// A token out of bits.
// SPDX-License-Identifier: Apache-2.0
// expect: bit_cast
#include "freshframe/gil.hpp"

#include <bit>

namespace gil = freshframe::gil;

#ifdef FIXED
void work(char (&bits)[sizeof(int)]) {
  (void)std::bit_cast<int>(bits);
}
#else
void work(char (&bits)[sizeof(gil::Held)]) {
  (void)std::bit_cast<gil::Held>(bits);
}
#endif
