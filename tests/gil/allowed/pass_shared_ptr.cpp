// The twin of ../refused/pass_shared_ptr.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <memory>

namespace gil = freshframe::gil;

void work(gil::Held& held, const std::shared_ptr<gil::Ref>& a) {
  gil::release(held, [](const std::shared_ptr<gil::Ref>& b) { (void)b; }, a);
}
