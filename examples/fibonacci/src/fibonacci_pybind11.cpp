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
  const py::gil_scoped_release again;  // compiles, and ends the process
}

}  // namespace

PYBIND11_MODULE(fibonacci_pybind11, module, py::mod_gil_not_used()) {
  module.def("fibonacci", &fibonacci, py::arg("n"), py::arg("release"),
             "The n-th Fibonacci number modulo 2**64.\n\nGIL: held or released, as `release` says.");
  module.def("double_release", &double_release,
             "Releases the GIL twice: the interpreter ends the process.\n\nGIL: released.");
}
