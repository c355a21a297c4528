// freshframe.Sample: a sample that has left the engine.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include "freshframe/sample.hpp"

#include <string>

#include "bindings/engine/node_names.hpp"

#include <nanobind/nanobind.h>

namespace freshframe::python {

/// The native part of a Python Sample. `value` and `frame` are created at first use and cached.
class PythonSample {
 public:
  PythonSample(AnySample sample, NodeNames names) : sample_(std::move(sample)), names_(std::move(names)) {}

  [[nodiscard]] const AnySample& sample() const noexcept { return sample_; }
  [[nodiscard]] const std::string& source() const;
  [[nodiscard]] const std::string& node() const;
  [[nodiscard]] const NodeNames& names() const noexcept { return names_; }
  /// Returns the same object to all callers. `self` is the sample's Python object. Thread-safe. Throws
  /// StateError if the sample has no frame.
  nanobind::object frame(nanobind::handle self);
  nanobind::object value(gil::Held& held, nanobind::handle self);
  /// Returns the samples of a set: a tuple with a Sample or None per parent. Other samples have ().
  nanobind::object members(nanobind::handle self);

  /// Turns `only` into another sample, if it is the only reference to a Python Sample. Returns false if it is
  /// not.
  static bool renew(nanobind::handle only, AnySample& sample, const NodeNames& names);

  static int traverse(PyObject* self, visitproc visit, void* arg) noexcept;
  static int clear(PyObject* self) noexcept;

 private:
  AnySample sample_;
  NodeNames names_;
  nanobind::object value_;
  nanobind::object frame_;
  nanobind::object members_;
};

/// The native part of a Python Stamp.
struct PythonStamp {
  Stamp stamp;
  NodeNames names;  // names of its pipeline; null if unknown

  [[nodiscard]] std::string source() const;
};

/// Reads the stamp of a Python Sample or Stamp.
[[nodiscard]] const Stamp& read_stamp(nanobind::handle given);
/// Reads the stamp for stamped(like=). Throws Error unless it belongs to the pipeline of `names`.
[[nodiscard]] const Stamp& read_stamp(nanobind::handle given, const NodeNames& names);

[[nodiscard]] nanobind::object make_sample(AnySample sample, const NodeNames& names);

}  // namespace freshframe::python
