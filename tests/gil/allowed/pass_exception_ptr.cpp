// The twin of ../refused/pass_exception_ptr.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <system_error>

namespace gil = freshframe::gil;

template <>
inline constexpr bool freshframe::gil::python_free<std::error_code> = true;

void work(gil::Held& held, const std::error_code& a) {
  gil::release(held, [](const std::error_code& b) { (void)b; }, a);
}
