// The twin of ../refused/pass_nb_exception.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <string>

namespace gil = freshframe::gil;

void work(gil::Held& held, const std::string& a) {
  gil::release(held, [](const std::string& b) { (void)b; }, a);
}
