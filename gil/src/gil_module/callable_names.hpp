// Collects the names of C functions from Python objects.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Python.h>

#include <cstddef>
#include <unordered_set>

#include "gil_watch/watch/culprit.hpp"

namespace freshframe::gil {

/// Used by one watch at a time. Needs the GIL.
class NameCollector {
 public:
  /// The names in all loaded modules and types. Takes some milliseconds.
  [[nodiscard]] CallableNames all();
  /// The names in modules imported since the last call and in their types. Cheap if there are none: it
  /// compares the number of modules.
  [[nodiscard]] CallableNames added();

 private:
  template <class Visit>
  void for_new_modules(const Visit& visit);

  std::size_t modules_ = 0;             // number of modules at the last call
  std::unordered_set<PyObject*> seen_;  // addresses of modules, which are rarely unloaded
};

}  // namespace freshframe::gil
