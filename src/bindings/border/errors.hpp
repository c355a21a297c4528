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

/// A Python exception, with its traceback, that passes through the engine. The Engine keeps it, too, and
/// shows it to the garbage collector. After the collector has cleared it, it is empty for all users.
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

/// An error that a Python source raised as a freshframe.SourceError, which it remains.
class SourceErrorByPython : public SourceError {
 public:
  SourceErrorByPython(SharedError error, const std::string& text)
      : SourceError(text, {}), error_(std::move(error)) {}
  [[nodiscard]] const gil::Ref& error() const noexcept { return *error_; }

 private:
  SharedError error_;
};

/// The error of a picture that cannot be brought from its card. Python code that read it let the error pass.
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

/// Takes the Python exception that is set.
[[nodiscard]] TakenError take_python_error(gil::Held& held);
/// Formats the error as the interpreter would print it, at most 16 kB; "" when that fails.
[[nodiscard]] std::string traceback_text(gil::Held& held, const gil::Ref& error);
/// Returns the remedy for an error of a user's node, after its text; "" if unknown. See _graph/hints.py.
[[nodiscard]] std::string hint_text(gil::Held& held, const gil::Ref& error);
/// Gives a SourceError without a source the name of the source that raised it.
void name_source(gil::Held& held, const gil::Ref& error, const std::string& source);
/// Sets the Python exception that `error` is or corresponds to.
void set_python_error(gil::Held& held, const std::exception_ptr& error);
/// Makes the Python Sample of an error that has one.
using SampleMaker = nanobind::object (*)(const NodeError& error);
void set_sample_maker(SampleMaker make) noexcept;
/// `function`: called with nanobind's message for a call with wrong arguments, returns the exception to raise
/// instead. Null: keeps the message. Needs the GIL.
void explain_call_errors(PyObject* function) noexcept;
/// Lets nanobind use set_python_error() for the engine's exceptions.
void register_exception_translator();

}  // namespace freshframe::python
