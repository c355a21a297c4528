// Names of C functions, read from Python's objects.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Python.h>

#include <cstddef>
#include <unordered_set>

#include "gil_watch/watch/culprit.hpp"

namespace freshframe::gil {

/// For one watch; needs the GIL.
class NameCollector {
 public:
  /// Collects the names of all loaded modules and all types: some milliseconds.
  [[nodiscard]] CallableNames all();
  /// Collects the names of modules that were imported since the last call, and of the types in them. Without new
  /// modules it looks at one number.
  [[nodiscard]] CallableNames added();

 private:
  template <class Visit>
  void for_new_modules(const Visit& visit);

  std::size_t modules_ = 0;             // their number at the last look
  std::unordered_set<PyObject*> seen_;  // modules, by address: they usually stay
};

}  // namespace freshframe::gil
