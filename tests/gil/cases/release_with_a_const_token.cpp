// A const token lets nothing go.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: needs this scope's token as gil::Held&, not const
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

#ifdef FIXED
void work(gil::Held& held) {
  gil::release(held, [] {});
}
#else
void work(const gil::Held& held) {
  gil::release(held, [] {});
}
#endif
