// Releases the GIL twice with the tokens: refused by the compiler. `python main.py` shows its message.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

// EXPECT: the GIL is already released in this scope
void double_release(gil::Held& held) {
  gil::release(held, [](gil::Released& released) { gil::release(released, [] {}); });
}
