// The twin of ../refused/copy_a_ref.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

gil::Ref twin(gil::Held& held, const gil::Ref& ref) {
  return ref.clone(held);
}
