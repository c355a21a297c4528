// A plain extension outside the tree: one function that works without the GIL.
// SPDX-License-Identifier: Apache-2.0
#include <freshframe/gil.hpp>

namespace gil = freshframe::gil;

namespace {

PyObject* twice(gil::Held& held, PyObject* /*module*/, PyObject* number) {
  const long value = PyLong_AsLong(number);
  if (value == -1 && PyErr_Occurred() != nullptr) return nullptr;
  return PyLong_FromLong(gil::release(held, [](long n) { return 2 * n; }, value));
}

PyMethodDef methods[] = {{"twice", gil::c_entry<&twice>, METH_O, "Twice a number. GIL: released"},
                         {nullptr, nullptr, 0, nullptr}};
PyModuleDef outside = {
    PyModuleDef_HEAD_INIT, "outside", nullptr, 0, methods, nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit_outside() {
  PyObject* module = PyModule_Create(&outside);
#ifdef Py_GIL_DISABLED
  PyUnstable_Module_SetGIL(module, Py_MOD_GIL_NOT_USED);
#endif
  return module;
}
