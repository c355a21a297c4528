// The twin of ../refused/use_the_result_of_a_refused_release.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <optional>
#include <string>

namespace gil = freshframe::gil;

std::size_t work(gil::Held& held, PyObject* a) {
  const auto line =
      gil::release(held, [](bool b) { return std::optional<std::string>(b ? "yes" : "no"); }, a != nullptr);
  return line->size() + (*line).size();
}
