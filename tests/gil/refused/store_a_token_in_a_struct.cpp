// A struct with a token in it.
// SPDX-License-Identifier: Apache-2.0
// expect: deleted
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

struct Scope {
  gil::Held held;
};

Scope make(gil::Held& held) {
  return Scope{held};
}
