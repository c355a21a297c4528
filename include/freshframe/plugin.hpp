// A node of your own in C++17: derive from Node or Source, export it with FRESHFRAME_NODE. Header only; links nothing.
// SPDX-License-Identifier: Apache-2.0
//
// This is the plugin's side of the C interface in abi.h. Any compiler and standard library will do: exceptions are
// caught here and cross as text, and memory is freed by the side that allocated it.
#pragma once

#include "freshframe/abi.h"
#include "freshframe/plugin/border.hpp"
#include "freshframe/plugin/context.hpp"
#include "freshframe/plugin/frame.hpp"
#include "freshframe/plugin/node.hpp"
#include "freshframe/plugin/options.hpp"
#include "freshframe/plugin/table.hpp"

#include <memory>

#ifdef Py_PYTHON_H
namespace freshframe::plugin {
inline namespace v1 {

/// For a method __freshframe_node__(self) of an extension's class, with any binding library (include Python.h
/// before): a new capsule with `node`, which the Python object owns. Null with an exception set. An object is a
/// node of one pipeline.
///   PyObject* capsule = freshframe::plugin::node_capsule(self, "blobs");
///   nanobind: if (capsule == nullptr) throw nb::python_error(); return nb::steal(capsule);
///   pybind11: if (capsule == nullptr) throw py::error_already_set();
///             return py::reinterpret_steal<py::object>(capsule);
template <class Class>
PyObject* node_capsule(Class& node, const char* name) {
  static const freshframe_node table = node_table<Class>(name);
  if (node.freshframe_given) {
    PyErr_SetString(PyExc_RuntimeError, "this node belongs to a pipeline already: make a second one");
    return nullptr;
  }
  auto object =
      std::make_unique<freshframe_object>(freshframe_object{sizeof(freshframe_object), &table, &node});
  PyObject* const capsule = PyCapsule_New(object.get(), FRESHFRAME_CAPSULE, [](PyObject* dying) {
    delete static_cast<freshframe_object*>(PyCapsule_GetPointer(dying, PyCapsule_GetName(dying)));
  });
  if (capsule == nullptr) return nullptr;
  (void)object.release();
  node.freshframe_given = true;
  return capsule;
}

}  // namespace v1
}  // namespace freshframe::plugin
#endif

#define FRESHFRAME_JOINED_(a, b) a##b
#define FRESHFRAME_JOINED(a, b) FRESHFRAME_JOINED_(a, b)
#define FRESHFRAME_EXPORT_NODE_(Class, symbol, name)                                            \
  extern "C" FRESHFRAME_EXPORT const freshframe_node symbol __asm__("freshframe_node_1_" name); \
  const freshframe_node symbol = freshframe::plugin::node_table<Class>(name)

/// Exports `Class` as the node `name` of this library: FRESHFRAME_NODE(Blobs, "blobs"); once per line, outside of functions.
#define FRESHFRAME_NODE(Class, name) \
  FRESHFRAME_EXPORT_NODE_(Class, FRESHFRAME_JOINED(freshframe_exported_node_, __LINE__), name)
