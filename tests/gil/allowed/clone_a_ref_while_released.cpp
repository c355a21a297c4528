// The twin of ../refused/clone_a_ref_while_released.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

gil::Ref work(gil::Held& held, const gil::Ref& ref) {
  return ref.clone(held);
}
