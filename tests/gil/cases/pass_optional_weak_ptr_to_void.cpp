// Perhaps a handle.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a void* or a smart pointer to void
#include "freshframe/gil.hpp"

#include <memory>
#include <optional>

namespace gil = freshframe::gil;

#ifdef FIXED
void work(gil::Held& held, const std::optional<std::weak_ptr<int>>& a) {
  gil::release(held, [](const std::optional<std::weak_ptr<int>>& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const std::optional<std::weak_ptr<void>>& a) {
  gil::release(held, [](const std::optional<std::weak_ptr<void>>& b) { (void)b; }, a);
}
#endif
