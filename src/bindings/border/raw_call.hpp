// Plain C functions for everything that waits without the GIL.
// SPDX-License-Identifier: Apache-2.0
//
// Up to Python 3.13, a thread that asks for the GIL while the interpreter finalises is unwound. nanobind's
// dispatcher is noexcept, so unwinding through it would end the process. That is why a function that may wait
// is bound as a plain PyCFunction.
#pragma once

#include "freshframe/gil.hpp"
#include <Python.h>

#include <exception>
#include <utility>

#include "bindings/border/errors.hpp"
#include "platform/forced_unwind.hpp"

namespace freshframe::python {

/// Runs `function`, which returns a new reference; a C++ exception becomes the Python one.
template <class F>
PyObject* raw_call(gil::Held& held, F&& function) {
  try {
    return std::forward<F>(function)();
  } catch (const platform::ForcedUnwind&) {
    throw;
  } catch (...) {
    set_python_error(held, std::current_exception());
    return nullptr;
  }
}

/// Frees the references that threads without the GIL have dropped. Called by destructors of Python objects,
/// which hold the GIL.
inline void drain_deferred(gil::Held& held) {
  gil::DeferredFree::instance().drain(held);
}

/// The longest wait before the next check for signals (Ctrl-C).
inline constexpr double kSignalSlice = 0.05;  // seconds

}  // namespace freshframe::python
