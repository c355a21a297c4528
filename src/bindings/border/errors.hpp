// Conversion of exceptions between C++ and Python.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include "freshframe/device.hpp"
#include "freshframe/error.hpp"

#include <exception>
#include <memory>
#include <string>

#include <nanobind/nanobind.h>

namespace freshframe::python {

/// A Python exception, with its traceback, on its way through the engine. The Engine also holds it, and shows
/// it to the garbage collector. Once the collector has cleared it, it is empty for all holders.
using SharedError = std::shared_ptr<gil::Ref>;

class RaisedByPython : public std::exception {
 public:
  RaisedByPython(SharedError error, std::string text) : error_(std::move(error)), text_(std::move(text)) {}
  [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }
  [[nodiscard]] const gil::Ref& error() const noexcept { return *error_; }

 private:
  SharedError error_;
  std::string text_;
};

/// A freshframe.SourceError that a Python source raised. Python gets the same exception object back.
class SourceErrorByPython : public SourceError {
 public:
  SourceErrorByPython(SharedError error, const std::string& text)
      : SourceError(text, {}), error_(std::move(error)) {}
  [[nodiscard]] const gil::Ref& error() const noexcept { return *error_; }

 private:
  SharedError error_;
};

/// Raised when a frame's image cannot be copied from the GPU, and the Python code that read it did not catch
/// the error.
class DeviceErrorByPython : public DeviceError {
 public:
  DeviceErrorByPython(SharedError error, const std::string& text)
      : DeviceError(text), error_(std::move(error)) {}
  [[nodiscard]] const gil::Ref& error() const noexcept { return *error_; }

 private:
  SharedError error_;
};

struct TakenError {
  std::exception_ptr error;
  SharedError object;
  std::string text;  // "ZeroDivisionError: division by zero"
};

/// Takes the current Python exception.
[[nodiscard]] TakenError take_python_error(gil::Held& held);
/// Formats the error as the interpreter would print it, at most 16 kB; "" when that fails.
[[nodiscard]] std::string traceback_text(gil::Held& held, const gil::Ref& error);
/// Returns advice on how to fix an error of a user's node, or "". It is appended to the error's message. See
/// _graph/hints.py.
[[nodiscard]] std::string hint_text(gil::Held& held, const gil::Ref& error);
/// Sets the name of the source on a SourceError that does not have one.
void name_source(gil::Held& held, const gil::Ref& error, const std::string& source);
/// Sets the Python exception that `error` is or corresponds to.
void set_python_error(gil::Held& held, const std::exception_ptr& error);
/// Makes the Python Sample of an error that has one.
using SampleMaker = nanobind::object (*)(const NodeError& error);
void set_sample_maker(SampleMaker make) noexcept;
/// `function` is called with nanobind's message for a call with invalid arguments, and returns the exception
/// to raise instead. Null keeps nanobind's message. Needs the GIL.
void explain_call_errors(PyObject* function) noexcept;
/// Lets nanobind use set_python_error() for the engine's exceptions.
void register_exception_translator();

}  // namespace freshframe::python
