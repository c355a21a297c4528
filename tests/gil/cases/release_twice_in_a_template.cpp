// A template that releases whatever token it is given.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: the GIL is already released in this scope
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

template <class Token>
void inner(Token& token) {
  gil::release(token, [] {});
}

void outer(gil::Held& held) {
#ifdef FIXED
  inner(held);
#else
  gil::release(held, [](gil::Released& released) { inner(released); });
#endif
}
