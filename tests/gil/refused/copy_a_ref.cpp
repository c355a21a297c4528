// A second reference is made without the GIL.
// SPDX-License-Identifier: Apache-2.0
// expect: deleted
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

gil::Ref twin(gil::Held& /*held*/, const gil::Ref& ref) {
  return ref;
}
