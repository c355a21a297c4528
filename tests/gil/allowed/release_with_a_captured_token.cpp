// The twin of ../refused/release_with_a_captured_token.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held) {
  gil::release(held, [] {});
  gil::release(held, [] {});
}
