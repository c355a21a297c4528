// Write a node in C++17: derive from Node or Source and export it with FRESHFRAME_NODE. Header-only.
// SPDX-License-Identifier: Apache-2.0
//
// This is the plugin's side of the C interface in abi.h. It works with any compiler and standard library:
// exceptions are caught here and passed on as messages, and memory is freed by the side that allocated it.
#pragma once

#if __cplusplus < 201703L
#error "freshframe/plugin.hpp needs C++17: compile with -std=c++17 or later"
#endif

#include "freshframe/abi.h"
#include "freshframe/plugin/border.hpp"
#include "freshframe/plugin/context.hpp"
#include "freshframe/plugin/frame.hpp"
#include "freshframe/plugin/node.hpp"
#include "freshframe/plugin/options.hpp"
#include "freshframe/plugin/picture.hpp"
#include "freshframe/plugin/table.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace freshframe::plugin {
inline namespace v1 {
namespace [[gnu::visibility("hidden")]] detail {

constexpr bool is_node_name(const char* name) {
  if (*name == '\0') return false;
  for (; *name != '\0'; ++name) {
    const bool fits = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
                      (*name >= '0' && *name <= '9') || *name == '_';
    if (!fits) return false;
  }
  return true;
}

// A distinct type for each name, so that a duplicate name is a compile error.
template <std::uint64_t Hash>
struct NodeName {};
constexpr std::uint64_t hash_name(const char* name) {
  std::uint64_t hash = 0xCBF29CE484222325U;  // FNV-1a
  for (; *name != '\0'; ++name) hash = (hash ^ static_cast<std::uint8_t>(*name)) * 0x100000001B3U;
  return hash;
}

#ifdef Py_PYTHON_H
// What the capsule points to. `object` must be the first member.
struct Capsuled {
  freshframe_object object;
  freshframe_node table;
  std::string name;  // the node's name; `table` points to it
};
#endif

}  // namespace detail

#ifdef Py_PYTHON_H
/// For a method __freshframe_node__(self) of an extension class, with any binding library (include Python.h
/// first): returns a new capsule with `node`, which the Python object owns, or null with an exception set. An
/// object can be used in one pipeline only.
///   PyObject* capsule = freshframe::plugin::node_capsule(self, "blobs");
///   nanobind: if (capsule == nullptr) throw nb::python_error(); return nb::steal(capsule);
///   pybind11: if (capsule == nullptr) throw py::error_already_set();
///             return py::reinterpret_steal<py::object>(capsule);
template <class Class>
[[gnu::visibility("hidden")]] PyObject* node_capsule(Class& node, const char* name) {
  if (node.freshframe_taken != 0) {
    PyErr_SetString(PyExc_RuntimeError, "this node already belongs to a pipeline: create a second one");
    return nullptr;
  }
  auto capsuled = std::make_unique<detail::Capsuled>();
  capsuled->name = name;
  capsuled->table = node_table<Class>(capsuled->name.c_str());
  capsuled->object = {sizeof(freshframe_object), &capsuled->table, &node, &node.freshframe_taken};
  PyObject* const capsule = PyCapsule_New(&capsuled->object, FRESHFRAME_CAPSULE, [](PyObject* dying) {
    delete static_cast<detail::Capsuled*>(PyCapsule_GetPointer(dying, PyCapsule_GetName(dying)));
  });
  if (capsule != nullptr) (void)capsuled.release();
  return capsule;
}
#endif

}  // namespace v1
}  // namespace freshframe::plugin

#define FRESHFRAME_JOIN_NAMES(a, b) a##b
#define FRESHFRAME_JOINED(a, b) FRESHFRAME_JOIN_NAMES(a, b)
#define FRESHFRAME_EXPORT_NODE_AS(Class, symbol, name)                                                  \
  static_assert(freshframe::plugin::detail::is_node_name(name),                                         \
                "FRESHFRAME_NODE: a name consists of letters of ASCII, digits and _, such as my_node"); \
  [[maybe_unused]] static void freshframe_the_names_of_nodes_differ(                                    \
      freshframe::plugin::detail::NodeName<freshframe::plugin::detail::hash_name(name)> /*unused*/) {}  \
  extern "C" FRESHFRAME_EXPORT const freshframe_node symbol __asm__("freshframe_node_1_" name);         \
  const freshframe_node symbol = freshframe::plugin::exported_table<Class>(name)

/// Exports `Class` as node `name` of this library: FRESHFRAME_NODE(Blobs, "blobs"). At most once per line, at
/// namespace scope. The class needs a public constructor that takes a const Options& or nothing.
#define FRESHFRAME_NODE(Class, name) \
  FRESHFRAME_EXPORT_NODE_AS(Class, FRESHFRAME_JOINED(freshframe_exported_node_, __LINE__), name)
