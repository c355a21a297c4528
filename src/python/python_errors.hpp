// Exceptions on their way between C++ and Python.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/error.hpp"
#include "freshframe/gil.hpp"

#include <exception>
#include <memory>
#include <string>

#include <nanobind/nanobind.h>

namespace freshframe::python {

/// A Python exception that travels through the engine; its traceback is in the object.
class RaisedByPython : public std::exception {
 public:
  RaisedByPython(std::shared_ptr<const gil::Ref> error, std::string text)
      : error_(std::move(error)), text_(std::move(text)) {}
  [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }
  [[nodiscard]] const gil::Ref& error() const noexcept { return *error_; }

 private:
  std::shared_ptr<const gil::Ref> error_;
  std::string text_;
};

/// The same, raised by a Python source as a freshframe.SourceError: it stays what it is.
class SourceErrorByPython : public SourceError {
 public:
  SourceErrorByPython(std::shared_ptr<const gil::Ref> error, const std::string& text)
      : SourceError(text, {}), error_(std::move(error)) {}
  [[nodiscard]] const gil::Ref& error() const noexcept { return *error_; }

 private:
  std::shared_ptr<const gil::Ref> error_;
};

/// Takes the Python exception that is set. `text` gets "ZeroDivisionError: division by zero".
[[nodiscard]] std::exception_ptr take_python_error(gil::Held& held, std::string& text);
/// Sets the Python exception that `error` is or corresponds to.
void set_python_error(gil::Held& held, const std::exception_ptr& error);
/// Lets nanobind use set_python_error() for the engine's exceptions.
void register_exception_translator();

}  // namespace freshframe::python
