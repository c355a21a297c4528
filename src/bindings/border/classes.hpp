// The package's Python classes that native code instantiates or recognises.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Python.h>

namespace freshframe::python {

/// Borrowed for the life of the process; set once by `_native.register_classes()` while the package is
/// imported.
struct Classes {
  PyObject* circles = nullptr;
  PyObject* detections = nullptr;
  PyObject* freshframe_error = nullptr;
  PyObject* graph_error = nullptr;
  PyObject* option_error = nullptr;
  PyObject* option_type_error = nullptr;
  PyObject* state_error = nullptr;
  PyObject* source_error = nullptr;
  PyObject* source_timeout = nullptr;
  PyObject* node_error = nullptr;
  PyObject* frames_held = nullptr;
  PyObject* device_error = nullptr;
  PyObject* end_of_stream = nullptr;
  PyObject* read_timeout = nullptr;
  PyObject* stalled = nullptr;
  PyObject* stop_timeout = nullptr;
  PyObject* stamped = nullptr;          // class of a result with the stamp of another sample
  PyObject* reader_iterator = nullptr;  // the iterator of `async for` over a reader
};

[[nodiscard]] Classes& classes() noexcept;

}  // namespace freshframe::python
