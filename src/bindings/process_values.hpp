// Values between processes: native ones as bytes, all others as pickles, unpickled at their first use in Python.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include "freshframe/sample.hpp"

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>

#include "process/wire/value.hpp"

#include <nanobind/nanobind.h>

namespace freshframe::python {

/// A Python object that another process has pickled. A third process gets the same pickle.
class PickledBytes {
 public:
  /// The pickle begins with part `first_part`.
  PickledBytes(process::ReceivedValue bytes, std::string producer, std::size_t first_part = 0)
      : bytes_(std::move(bytes)), producer_(std::move(producer)), first_part_(first_part) {}

  /// The object: made at the first call and kept. Raises an error that names the producer if it cannot be unpickled.
  [[nodiscard]] nanobind::object open(gil::Held& held);
  [[nodiscard]] const process::ReceivedValue& bytes() const noexcept { return bytes_; }

 private:
  const process::ReceivedValue bytes_;
  const std::string producer_;
  const std::size_t first_part_;
  std::mutex mutex_;  // held while object_ is read or written, never while the object is made
  gil::Ref object_;   // guarded by mutex_
};

/// The value on an edge.
struct Pickled {
  std::shared_ptr<PickledBytes> body;
};

/// Whether encode() needs the GIL.
[[nodiscard]] bool needs_python(const ValueRef& value) noexcept;
/// Of a value that does not need the GIL.
[[nodiscard]] process::EncodedValue encode_native(const ValueRef& value);
/// `knows`: see Definitions in _pickling.py; 0: the receiver is this process's parent. Raises the errors of
/// pickling.
[[nodiscard]] process::EncodedValue encode_python(gil::Held& held, const ValueRef& value,
                                                  std::uint64_t knows = 0);
[[nodiscard]] process::EncodedValue encode_pickle(gil::Held& held, nanobind::handle parts);
/// Throws process::ProtocolError for invalid bytes.
[[nodiscard]] ValueRef decode(process::ReceivedValue value, const std::string& producer);
/// The exception that a worker has sent, or another one with its text.
[[nodiscard]] nanobind::object exception_of(gil::Held& held, const process::ReceivedValue& error,
                                            const std::string& text, const std::string& traceback);

}  // namespace freshframe::python

template <>
inline constexpr std::string_view freshframe::kTypeName<freshframe::python::Pickled> = "a Python object";
