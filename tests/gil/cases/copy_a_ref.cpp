// A second reference is made without the GIL.
// SPDX-License-Identifier: Apache-2.0
// expect: deleted
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

#ifdef FIXED
gil::Ref twin(gil::Held& held, const gil::Ref& ref) {
  return ref.clone(held);
}
#else
gil::Ref twin(gil::Held& /*held*/, const gil::Ref& ref) {
  return ref;
}
#endif
