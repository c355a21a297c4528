// The twin of ../refused/pass_nb_handle.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held, gil::Ref& a) {
  gil::release(held, [](gil::Ref& b) { (void)b; }, a);
}
