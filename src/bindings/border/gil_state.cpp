// Whether a module declares that it works without the GIL.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/parts.hpp"

namespace nb = nanobind;

namespace freshframe::python {
namespace {

// Returns None if that is not known: for an object that is not an extension module, or for a module with
// single-phase initialisation.
nb::object does_without_gil(nb::handle module) {
#ifdef Py_mod_gil
  if (PyModule_Check(module.ptr()) == 0) return nb::none();
  const PyModuleDef* const definition = PyModule_GetDef(module.ptr());
  if (definition == nullptr) PyErr_Clear();
  if (definition == nullptr || definition->m_slots == nullptr) return nb::none();
  for (const auto* slot = definition->m_slots; slot->slot != 0; ++slot) {
    if (slot->slot == Py_mod_gil) return nb::bool_(slot->value == Py_MOD_GIL_NOT_USED);
  }
  return nb::bool_(false);
#else
  (void)module;
  return nb::none();
#endif
}

}  // namespace

void bind_gil_state(nb::module_& module) {
  module.def("does_without_gil", &does_without_gil, nb::arg("module").none(),
             nb::sig("def does_without_gil(module: typing.Any) -> bool | None"),
             "True if an extension module declares that it runs without the GIL. None if its declaration "
             "cannot be read.");
}

}  // namespace freshframe::python
