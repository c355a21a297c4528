// The module fibonacci_pybind11: pybind11's own guards, which the compiler does not check.
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "fibonacci.hpp"
#include <pybind11/pybind11.h>

namespace py = pybind11;

namespace {

std::uint64_t fibonacci(std::uint64_t n, bool release) {
  if (!release) return nth_fibonacci(n);
  const py::gil_scoped_release released;
  return nth_fibonacci(n);
}

void double_release() {
  const py::gil_scoped_release released;
  const py::gil_scoped_release again;  // compiles, but ends the process
}

// Harmless: the second guard sees that the GIL is held, and only counts. With gil::Held and gil::Released, this would
// not compile either.
bool double_acquire() {
  const py::gil_scoped_acquire held;
  const py::gil_scoped_acquire again;
  return true;
}

}  // namespace

PYBIND11_MODULE(fibonacci_pybind11, module, py::mod_gil_not_used()) {
  module.def("fibonacci", &fibonacci, py::arg("n"), py::arg("release"),
             "The n-th Fibonacci number modulo 2**64.\n\nGIL: held or released, as `release` says.");
  module.def("double_release", &double_release,
             "Releases the GIL twice: the interpreter ends the process.\n\nGIL: released.");
  module.def("double_acquire", &double_acquire,
             "Acquires the GIL twice with pybind11's guards, and returns True.\n\nGIL: held.");
}
