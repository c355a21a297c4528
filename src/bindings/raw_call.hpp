// Plain C functions for everything that waits without the GIL.
// SPDX-License-Identifier: Apache-2.0
//
// nanobind's dispatcher is noexcept, and a thread that wants the GIL back while an interpreter up to 3.13
// finalises is unwound: through a noexcept frame that ends the process. So what may wait is bound as a plain
// PyCFunction.
#pragma once

#include "freshframe/gil.hpp"

#include <exception>
#include <utility>

#include "bindings/errors.hpp"
#include <cxxabi.h>

#include <Python.h>

namespace freshframe::python {

/// Runs `function`, which returns a new reference; a C++ exception becomes the Python one.
template <class F>
PyObject* raw_call(gil::Held& held, F&& function) {
  try {
    return std::forward<F>(function)();
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (...) {
    set_python_error(held, std::current_exception());
    return nullptr;
  }
}

/// Frees what threads without the GIL have let go; for destructors of Python objects, which hold it.
inline void drain_deferred(gil::Held& held) {
  gil::DeferredFree::instance().drain(held);
}

/// How long a wait lasts before it looks for signals (Ctrl-C).
inline constexpr double kSignalSlice = 0.05;  // seconds

}  // namespace freshframe::python
