// The module fibonacci_nanobind: nanobind with the tokens of freshframe/gil.hpp.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <cstdint>

#include "fibonacci.hpp"

#include <nanobind/nanobind.h>

namespace gil = freshframe::gil;
namespace nb = nanobind;

namespace {

std::uint64_t fibonacci(gil::Held& held, std::uint64_t n, bool release) {
  if (!release) return nth_fibonacci(n);
  return gil::release(held, [](std::uint64_t number) { return nth_fibonacci(number); }, n);
}

// With gil::Held and gil::Released, this would not compile (double_release.cpp). nanobind's own guards allow it.
void double_release() {
  const nb::gil_scoped_release released;
  const nb::gil_scoped_release again;  // ends the process
}

// Harmless: the second guard sees that the GIL is held, and only counts. With gil::Held and gil::Released, this would
// not compile either.
bool double_acquire() {
  const nb::gil_scoped_acquire held;
  const nb::gil_scoped_acquire again;
  return true;
}

}  // namespace

NB_MODULE(fibonacci_nanobind, module) {
  module.def("fibonacci", gil::entry<&fibonacci>, nb::arg("n"), nb::arg("release"),
             "The n-th Fibonacci number modulo 2**64.\n\nGIL: held or released, as `release` says.");
  module.def(
      "double_release", &double_release,
      "Releases the GIL twice with nanobind's guards: the interpreter ends the process.\n\nGIL: released.");
  module.def("double_acquire", &double_acquire,
             "Acquires the GIL twice with nanobind's guards, and returns True.\n\nGIL: held.");
}
