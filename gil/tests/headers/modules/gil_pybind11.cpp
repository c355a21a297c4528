// The tokens in a module of pybind11.
// SPDX-License-Identifier: Apache-2.0
#include "shared.hpp"
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

namespace py = pybind11;
namespace gil = freshframe::gil;

namespace {

using Array = py::array_t<double, py::array::c_style>;

double total(gil::Held& held, const Array& values) {
  return gil::release(held, &shared::total,
                      std::span<const double>(values.data(), static_cast<std::size_t>(values.size())));
}

int meet(gil::Released& /*released*/, int parties) {
  return shared::meet(parties);
}

void throw_released(gil::Held& held) {
  gil::release(held, &shared::throw_out_of_range);
}

void call(gil::Held& held, const gil::Ref& callback) {
  py::reinterpret_borrow<py::object>(callback.get(held))();
}

void call_back(gil::Held& held, const py::object& callback) {
  const gil::Ref ref(held, callback.ptr());
  gil::release(
      held, [](gil::Released& released, const gil::Ref& r) { gil::acquire(released, &call, r); }, ref);
}

void call_on_native_thread(gil::Held& held, const py::object& callback, int times) {
  shared::call_on_native_thread<&call>(held, gil::Ref(held, callback.ptr()), times);
}

std::size_t drop_on_native_thread(gil::Held& held, const py::object& object) {
  return shared::drop_on_native_thread(held, gil::Ref(held, object.ptr()));
}

}  // namespace

PYBIND11_MODULE(gil_pybind11, module, py::mod_gil_not_used()) {
  module.def("total", gil::entry<&total>, "Adds an array of float64. GIL: released");
  module.def("meet", gil::entry<&meet>, "Waits for other threads in here. GIL: released while waiting");
  module.def("throw_released", gil::entry<&throw_released>, "Throws. GIL: released");
  module.def("nested", gil::entry<&shared::nested>, "Releases twice, with an acquire between. GIL: released");
  module.def("call_back", gil::entry<&call_back>, "Calls from a released scope. GIL: released");
  module.def("call_on_native_thread", gil::entry<&call_on_native_thread>, "GIL: released while waiting");
  module.def("drop_on_native_thread", gil::entry<&drop_on_native_thread>, "GIL: released while waiting");
}
