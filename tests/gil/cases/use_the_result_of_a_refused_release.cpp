// The result is used: no second error for that.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a PyObject*
#include "freshframe/gil.hpp"

#include <optional>
#include <string>

namespace gil = freshframe::gil;

std::size_t work(gil::Held& held, PyObject* a) {
  const auto line =
#ifdef FIXED
      gil::release(held, [](bool b) { return std::optional<std::string>(b ? "yes" : "no"); }, a != nullptr);
#else
      gil::release(held, [](PyObject* b) { return std::optional<std::string>(b ? "yes" : "no"); }, a);
#endif
  return line->size() + (*line).size();
}
