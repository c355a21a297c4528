// The module numpy_sum: reads and writes a NumPy array, without a copy, while other Python threads run.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <cstddef>
#include <cstdint>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

namespace gil = freshframe::gil;
namespace nb = nanobind;

namespace {

// const, so that read-only arrays are accepted. No order is required, so that strides do not cause a copy.
using Numbers = nb::ndarray<const double, nb::ndim<1>, nb::device::cpu>;

// Not inlined: within the exception handling of gil::release(), g++ 12 keeps the total in memory, which is four times
// slower.
[[gnu::noinline]] double add_up(const double* numbers, std::size_t count, std::int64_t stride) {
  double total = 0;
  for (std::size_t i = 0; i < count; ++i, numbers += stride) total += *numbers;
  return total;
}

// `numbers` refers to the array until this returns, whatever other threads delete, rebind or try to resize. The
// released part only gets plain data that was read while the GIL was held.
double sum(gil::Held& held, const Numbers& numbers) {
  return gil::release(
      held,
      [](const double* data, std::size_t count, std::int64_t stride) { return add_up(data, count, stride); },
      numbers.data(), numbers.size(), numbers.stride(0));
}

// Not const: nanobind rejects read-only arrays. It also rejects arrays of another type, because a conversion would be a
// copy, and the results would be written into the copy.
using Writable = nb::ndarray<double, nb::ndim<1>, nb::device::cpu>;

[[gnu::noinline]] void multiply(double* numbers, std::size_t count, std::int64_t stride, double factor) {
  for (std::size_t i = 0; i < count; ++i, numbers += stride) *numbers *= factor;
}

// Two calls may run at the same time if they share no elements: elements are not locked.
void scale(gil::Held& held, const Writable& numbers, double factor) {
  gil::release(
      held,
      [](double* data, std::size_t count, std::int64_t stride, double by) {
        multiply(data, count, stride, by);
      },
      numbers.data(), numbers.size(), numbers.stride(0), factor);
}

}  // namespace

NB_MODULE(numpy_sum, module) {
  module.def("sum", gil::entry<&sum>, nb::arg("numbers").noconvert(),
             "The sum of a one-dimensional array of float64.\n\nGIL: released.");
  module.def("scale", gil::entry<&scale>, nb::arg("numbers").noconvert(), nb::arg("factor"),
             "Multiplies each element of a one-dimensional array of float64 in place.\n\nNo other thread may "
             "write or read these elements meanwhile.\n\nGIL: released.");
}
