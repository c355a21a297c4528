// Values between processes: native ones as their bytes, all others as pickles that Python opens when it looks.
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

/// What another process made of a Python object. It goes on to a third one as it is.
class PickledBytes {
 public:
  /// The pickle begins with part `first_part`.
  PickledBytes(process::ReceivedValue bytes, std::string producer, std::size_t first_part = 0)
      : bytes_(std::move(bytes)), producer_(std::move(producer)), first_part_(first_part) {}

  /// The object: made at the first call and kept. What cannot be opened raises, and names the producer.
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
/// Raises what pickling raises.
[[nodiscard]] process::EncodedValue encode_python(gil::Held& held, const ValueRef& value);
[[nodiscard]] process::EncodedValue encode_pickle(gil::Held& held, nanobind::handle parts);
/// Throws process::ProtocolError when the bytes cannot be.
[[nodiscard]] ValueRef decode(process::ReceivedValue value, const std::string& producer);
/// The exception that a worker has sent, or one that says what it said.
[[nodiscard]] nanobind::object exception_of(gil::Held& held, const process::ReceivedValue& error,
                                            const std::string& text, const std::string& traceback);

}  // namespace freshframe::python

template <>
inline constexpr std::string_view freshframe::kTypeName<freshframe::python::Pickled> = "a Python object";
