// A value that another process has pickled: unpickled at its first use in Python.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include "freshframe/sample.hpp"

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "process/wire/value.hpp"

#include <nanobind/nanobind.h>

namespace freshframe::python {

/// The node that has sent a value.
struct Producer {
  std::string name;
  std::shared_ptr<const gil::Ref> definitions = {};  // see Definitions in pickling.py; null if not needed
};

/// A Python object that another process has pickled. A third process gets the same pickle.
class PickledBytes {
 public:
  /// `first_part`: index of the part of `bytes` at which the pickle begins.
  PickledBytes(process::ReceivedValue bytes, Producer producer, std::size_t first_part = 0)
      : bytes_(std::move(bytes)), producer_(std::move(producer)), first_part_(first_part) {}

  /// Returns the object, which the first call unpickles. Raises an error that names the producer if it cannot
  /// be unpickled.
  [[nodiscard]] nanobind::object open(gil::Held& held);
  [[nodiscard]] const process::ReceivedValue& bytes() const noexcept { return bytes_; }

 private:
  const process::ReceivedValue bytes_;
  const Producer producer_;  // its definitions must exist until the object is made
  const std::size_t first_part_;
  std::mutex mutex_;  // held while object_ is read or written, never while the object is made
  gil::Ref object_;   // guarded by mutex_
};

/// The value on an edge.
struct Pickled {
  std::shared_ptr<PickledBytes> body;
};

/// Returns a function of the package's module for pickles.
[[nodiscard]] nanobind::object pickling(const char* function);
/// Returns the arguments for loads() of the same module: the pickle, then private buffers, to which arrays
/// may write.
[[nodiscard]] nanobind::list parts_list(const process::ReceivedValue& value, std::size_t first_part = 0);

}  // namespace freshframe::python

template <>
inline constexpr std::string_view freshframe::kTypeName<freshframe::python::Pickled> = "a Python object";
