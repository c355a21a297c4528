// Names of C functions, read from Python's objects.
// SPDX-License-Identifier: Apache-2.0
#include <Python.h>

#include "bindings/lazy/callable_names.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_set>

#include <nanobind/nanobind.h>

namespace nb = nanobind;

namespace freshframe::gil {
namespace {

void add_name(CallableNames& names, const void* function, const char* module, const std::string& name) {
  if (function == nullptr) return;
  names.try_emplace(reinterpret_cast<std::uintptr_t>(function), std::string(module) + ":" + name);
}

const void* address_of(PyCFunction function) {
  return reinterpret_cast<const void*>(function);
}

// "re.Pattern" is the type Pattern of re; a name without a dot is one of builtins.
void add_methods(CallableNames& names, PyTypeObject* type, PyObject* dict) {
  const std::string full = type->tp_name;
  const std::size_t dot = full.rfind('.');
  const std::string module = dot == std::string::npos ? "builtins" : full.substr(0, dot);
  const std::string prefix = full.substr(dot == std::string::npos ? 0 : dot + 1) + ".";
  PyObject* key = nullptr;
  PyObject* value = nullptr;
  Py_ssize_t at = 0;
  while (PyDict_Next(dict, &at, &key, &value) != 0) {
    if (Py_IS_TYPE(value, &PyMethodDescr_Type) || Py_IS_TYPE(value, &PyClassMethodDescr_Type)) {
      const PyMethodDef* const method = reinterpret_cast<PyMethodDescrObject*>(value)->d_method;
      add_name(names, address_of(method->ml_meth), module.c_str(), prefix + method->ml_name);
    } else if (Py_IS_TYPE(value, &PyWrapperDescr_Type)) {
      const auto* const slot = reinterpret_cast<PyWrapperDescrObject*>(value);
      add_name(names, slot->d_wrapped, module.c_str(), prefix + slot->d_base->name);
    }
  }
}

void add_functions(CallableNames& names, PyObject* dict) {
  PyObject* key = nullptr;
  PyObject* value = nullptr;
  Py_ssize_t at = 0;
  while (PyDict_Next(dict, &at, &key, &value) != 0) {
    if (!PyCFunction_CheckExact(value)) continue;
    const auto* const function = reinterpret_cast<PyCFunctionObject*>(value);
    const char* module = "builtins";
    if (function->m_module != nullptr && PyUnicode_Check(function->m_module)) {
      module = PyUnicode_AsUTF8(function->m_module);
    }
    if (module == nullptr) PyErr_Clear();
    add_name(names, address_of(function->m_ml->ml_meth), module != nullptr ? module : "?",
             function->m_ml->ml_name);
  }
}

// `seen`: a type with several bases is met once for each of them.
void add_types(CallableNames& names, nb::handle type, std::unordered_set<PyObject*>& seen,
               std::size_t depth) {
  constexpr std::size_t kMaxDepth = 64;
  if (!seen.insert(type.ptr()).second) return;
  auto* const record = reinterpret_cast<PyTypeObject*>(type.ptr());
#if PY_VERSION_HEX >= 0x030C0000
  const auto dict = nb::steal<nb::object>(PyType_GetDict(record));
#else
  const auto dict = nb::borrow<nb::object>(record->tp_dict);
#endif
  if (dict.is_valid()) add_methods(names, record, dict.ptr());
  if (depth == kMaxDepth) return;
  const nb::object subclasses =
      nb::handle(reinterpret_cast<PyObject*>(&PyType_Type)).attr("__subclasses__")(type);
  for (const nb::handle subclass : subclasses) {
    if (subclass.ptr() != reinterpret_cast<PyObject*>(&PyType_Type))
      add_types(names, subclass, seen, depth + 1);
  }
}

}  // namespace

CallableNames collect_names() {
  CallableNames names;
  const auto modules = nb::borrow<nb::dict>(PyImport_GetModuleDict());
  for (const auto& [name, module] : modules) {
    if (PyModule_Check(module.ptr())) add_functions(names, PyModule_GetDict(module.ptr()));
  }
  std::unordered_set<PyObject*> seen;
  add_types(names, reinterpret_cast<PyObject*>(&PyBaseObject_Type), seen, 0);
  return names;
}

}  // namespace freshframe::gil
