// The twin of ../refused/pass_nb_callable.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held, const gil::Ref& a) {
  gil::release(held, [](const gil::Ref& b) { (void)b; }, a);
}
