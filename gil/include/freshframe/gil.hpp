// Compile-time capabilities for Python's GIL: which code may touch Python objects, and which may release the
// GIL.
// SPDX-License-Identifier: Apache-2.0
//
//   gil::Held&      proof that this thread may touch Python objects
//   gil::Released&  proof that it has released the GIL: it may work and may acquire(), but not release() again
//
//   entry<&f>                  the function that Python calls, for R f(Held&, ...) or R f(Released&, ...)
//   c_entry<&f>                the same for the plain C API, which has no C++ exceptions
//   release(held, f, args...)  runs f(released, args...) without the GIL; f captures nothing
//   acquire(released, f)       runs f(held) with it
//   native_thread(f, args...)  runs f(released, args...) on a thread that Python did not make
//   join(released, thread)     waits for such a thread, but not for a thread that will never end
//   Ref                        owns a Python object; may travel, cannot be touched without Held
//   Mutex                      a mutex that no thread may hold while it waits for the GIL
//   PythonFree, python_free    the types that may be used without the GIL; the opt-in for a class
//
// A token cannot be made, copied, stored or captured. Code that runs without the GIL sees only its arguments,
// and those must be PythonFree. docs/reference/gil.md lists what the compiler cannot see (static variables,
// the C API, a token smuggled out by its address, a false opt-in). Builds without NDEBUG check it where they
// can.
//
// Needs Python.h, C++20 and nothing else of freshframe, so any extension can use it. Like Python.h, include
// it before any standard header: Python's macros change those, and with 3.15 the compiler warns. On a
// free-threaded build the tokens mean the same: "may touch Python objects". Subinterpreters are not
// supported: a native thread belongs to the main interpreter, and a module has one list of dropped
// references. Compile with -fvisibility=hidden, as every extension should.
#pragma once

#if __cplusplus < 201709L  // g++ 10 reports 201709L for -std=c++20
#error "freshframe/gil.hpp needs C++20: compile with -std=c++20 or later"
#endif

#include <Python.h>

#include "freshframe/gil/entry.hpp"
#include "freshframe/gil/interpreter.hpp"
#include "freshframe/gil/join.hpp"
#include "freshframe/gil/mutex.hpp"
#include "freshframe/gil/python_free.hpp"
#include "freshframe/gil/ref.hpp"
#include "freshframe/gil/scopes.hpp"
#include "freshframe/gil/tokens.hpp"
