// The twin of ../refused/release_twice_in_a_template.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

template <class Token>
void inner(Token& token) {
  gil::release(token, [] {});
}

void outer(gil::Held& held) {
  inner(held);
}
