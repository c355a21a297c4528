// A stored exception may be the binding library's, which holds an object.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a class that cannot be looked into
#include "freshframe/gil.hpp"

#include <exception>
#include <system_error>

namespace gil = freshframe::gil;

#ifdef FIXED
template <>
inline constexpr bool freshframe::gil::python_free<std::error_code> = true;

void work(gil::Held& held, const std::error_code& a) {
  gil::release(held, [](const std::error_code& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const std::exception_ptr& a) {
  gil::release(held, [](const std::exception_ptr& b) { (void)b; }, a);
}
#endif
