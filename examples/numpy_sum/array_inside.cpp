// Asks the array for its size and data while the GIL is released: refused by the compiler.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <cstddef>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

namespace gil = freshframe::gil;
namespace nb = nanobind;

using Numbers = nb::ndarray<const double, nb::ndim<1>, nb::device::cpu>;

// EXPECT: gil::release: an argument is or holds an object of a binding library
double sum(gil::Held& held, const Numbers& numbers) {
  return gil::release(
      held,
      [](const Numbers& array) {
        double total = 0;
        for (std::size_t i = 0; i < array.size(); ++i) total += array(i);
        return total;
      },
      numbers);
}
