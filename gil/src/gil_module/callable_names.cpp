// Collects the names of C functions from Python objects.
// SPDX-License-Identifier: Apache-2.0
#include <Python.h>

#include "gil_module/callable_names.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <nanobind/nanobind.h>

namespace nb = nanobind;

namespace freshframe::gil {
namespace {

// The names, and the types whose slots they come from.
struct Collected {
  CallableNames names;
  std::unordered_map<std::uintptr_t, PyTypeObject*> owners;
};

template <class Function>
std::uintptr_t address_of(Function* function) {
  return reinterpret_cast<std::uintptr_t>(function);
}

void add_name(Collected& collected, std::uintptr_t function, const char* module, const std::string& name) {
  if (function != 0)
    collected.names.insert_or_assign(function, CallableName(std::string(module) + ":" + name));
}

// Registers a function without a name, because it only calls other functions, whose names are shown instead.
void add_caller(Collected& collected, std::uintptr_t function) {
  if (function != 0) collected.names.insert_or_assign(function, CallableName(""));
}

// An inherited slot keeps the name from the base class. A slot that unrelated types share gets the name
// `shared`.
CallableName& add_slot(Collected& collected, std::uintptr_t function, PyTypeObject* type,
                       const std::string& name, const char* shared = "") {
  const auto [known, is_new] = collected.names.try_emplace(function, name, true);
  const auto owner = collected.owners.find(function);
  if (is_new) {
    collected.owners.emplace(function, type);
  } else if (owner != collected.owners.end() && PyType_IsSubtype(type, owner->second) == 0) {
    known->second.text = shared;
  }
  return known->second;
}

struct TypeName {
  std::string module;
  std::string type;

  [[nodiscard]] std::string of(std::string_view member) const {
    return module + ":" + type + std::string(member);
  }
};

// "re.Pattern" is the type Pattern of module re. A name without a dot is a builtin.
TypeName name_of(const PyTypeObject* type) {
  const std::string full = type->tp_name;
  const std::size_t dot = full.rfind('.');
  if (dot == std::string::npos) return {"builtins", full};
  return {full.substr(0, dot), full.substr(dot + 1)};
}

// Allocation and deallocation slots, which C code calls without a Python name. A sample taken during a
// deallocation is attributed to it, whatever function has dropped the last reference.
void add_life(Collected& collected, PyTypeObject* type) {
  const TypeName name = name_of(type);
  const PyTypeObject* const base = type->tp_base;
  const bool has_new = type->tp_new != nullptr && (base == nullptr || type->tp_new != base->tp_new);
  const bool has_init = type->tp_init != nullptr && (base == nullptr || type->tp_init != base->tp_init);
  const bool has_dealloc =
      type->tp_dealloc != nullptr && (base == nullptr || type->tp_dealloc != base->tp_dealloc);
  if (has_new) add_slot(collected, address_of(type->tp_new), type, name.of(""));
  if (has_init) add_slot(collected, address_of(type->tp_init), type, name.of(""));
  if (has_dealloc)
    add_slot(collected, address_of(type->tp_dealloc), type, name.of("_dealloc"), "builtins:object_dealloc")
        .slot = false;
  if (type->tp_vectorcall != nullptr) add_slot(collected, address_of(type->tp_vectorcall), type, name.of(""));
}

// Returns true for interpreter types whose objects only forward a call to another callable.
bool is_caller(const PyTypeObject* type) {
  const TypeName name = name_of(type);
  return type->tp_call != nullptr &&
         (name.module == "builtins" || name.module == "functools" || name.module == "operator");
}

void add_methods(Collected& collected, PyTypeObject* type, PyObject* dict) {
  const TypeName type_name = name_of(type);
  const std::string prefix = type_name.type + ".";
  PyObject* key = nullptr;
  PyObject* value = nullptr;
  Py_ssize_t at = 0;
  while (PyDict_Next(dict, &at, &key, &value) != 0) {
    if (Py_IS_TYPE(value, &PyMethodDescr_Type) || Py_IS_TYPE(value, &PyClassMethodDescr_Type)) {
      const auto* const descriptor = reinterpret_cast<PyMethodDescrObject*>(value);
      const PyMethodDef* const method = descriptor->d_method;
      add_name(collected, address_of(method->ml_meth), type_name.module.c_str(), prefix + method->ml_name);
      add_caller(collected, address_of(descriptor->vectorcall));
    } else if (Py_IS_TYPE(value, &PyWrapperDescr_Type)) {
      const auto* const slot = reinterpret_cast<PyWrapperDescrObject*>(value);
      const auto function = reinterpret_cast<std::uintptr_t>(slot->d_wrapped);
      add_caller(collected, address_of(slot->d_base->wrapper));
      if (function == address_of(type->tp_call) && is_caller(type)) {
        add_caller(collected, function);
      } else {
        const bool compares = function == address_of(type->tp_richcompare);
        add_slot(collected, function, type,
                 type_name.of(compares ? ".tp_richcompare" : std::string(".") + slot->d_base->name));
      }
    }
  }
}

void add_functions(Collected& collected, PyObject* dict) {
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
    add_name(collected, address_of(function->m_ml->ml_meth), module != nullptr ? module : "?",
             function->m_ml->ml_name);
    add_caller(collected, address_of(function->vectorcall));
  }
}

void add_type(Collected& collected, PyTypeObject* type) {
#if PY_VERSION_HEX >= 0x030C0000
  const auto dict = nb::steal<nb::object>(PyType_GetDict(type));
#else
  const auto dict = nb::borrow<nb::object>(type->tp_dict);
#endif
  add_life(collected, type);
  if (dict.is_valid()) add_methods(collected, type, dict.ptr());
}

// `seen` prevents a type with several base classes from being visited more than once.
void add_types(Collected& collected, nb::handle type, std::unordered_set<PyObject*>& seen,
               std::size_t depth) {
  constexpr std::size_t kMaxDepth = 64;
  if (!seen.insert(type.ptr()).second) return;
  add_type(collected, reinterpret_cast<PyTypeObject*>(type.ptr()));
  if (depth == kMaxDepth) return;
  const nb::object subclasses =
      nb::handle(reinterpret_cast<PyObject*>(&PyType_Type)).attr("__subclasses__")(type);
  for (const nb::handle subclass : subclasses) {
    if (subclass.ptr() != reinterpret_cast<PyObject*>(&PyType_Type))
      add_types(collected, subclass, seen, depth + 1);
  }
}

// Adds the types in a module's dict.
void add_types_of(Collected& collected, PyObject* dict) {
  PyObject* key = nullptr;
  PyObject* value = nullptr;
  Py_ssize_t at = 0;
  while (PyDict_Next(dict, &at, &key, &value) != 0) {
    if (PyType_Check(value)) add_type(collected, reinterpret_cast<PyTypeObject*>(value));
  }
}

// Registers the function that forwards calls of bound methods.
void add_bound_method(Collected& collected) {
  const auto callable = nb::module_::import_("builtins").attr("len");
  const auto bound = nb::steal<nb::object>(PyMethod_New(callable.ptr(), Py_None));
  if (bound.is_valid())
    add_caller(collected, address_of(reinterpret_cast<PyMethodObject*>(bound.ptr())->vectorcall));
}

}  // namespace

template <class Visit>
void NameCollector::for_new_modules(const Visit& visit) {
  PyObject* const modules = PyImport_GetModuleDict();
  const auto count = static_cast<std::size_t>(PyDict_Size(modules));
  if (count == modules_) return;
  modules_ = count;
  // A copy, because another thread may import a module during the loop.
  const auto copy = nb::steal<nb::list>(PyDict_Values(modules));
  for (const nb::handle module : copy) {
    if (!PyModule_Check(module.ptr()) || !seen_.insert(module.ptr()).second) continue;
    visit(PyModule_GetDict(module.ptr()));
  }
}

CallableNames NameCollector::all() {
  Collected collected;
  for_new_modules([&](PyObject* dict) { add_functions(collected, dict); });
  std::unordered_set<PyObject*> seen;
  add_types(collected, reinterpret_cast<PyObject*>(&PyBaseObject_Type), seen, 0);
  add_bound_method(collected);
  return std::move(collected.names);
}

CallableNames NameCollector::added() {
  Collected collected;
  for_new_modules([&](PyObject* dict) {
    add_functions(collected, dict);
    add_types_of(collected, dict);
  });
  return std::move(collected.names);
}

}  // namespace freshframe::gil
