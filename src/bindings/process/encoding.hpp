// Encodes values for other processes: native ones as bytes, all others as pickles, which are unpickled at
// their first use in Python.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include "freshframe/sample.hpp"

#include <cstdint>
#include <string>

#include "bindings/results/pickled.hpp"
#include "process/wire/value.hpp"

#include <nanobind/nanobind.h>

namespace freshframe::python {

inline constexpr std::uint8_t kPickle = 1;  // marks an encoded value as a pickle

/// The receiver of a pickle. For a fleet, classes of modules that were sent there are pickled by name (see
/// pickling.by_name).
enum class Receiver : std::uint8_t { Process, Fleet };

/// Returns true if encode() needs the GIL.
[[nodiscard]] bool needs_python(const ValueRef& value) noexcept;
/// Encodes a value that does not need the GIL.
[[nodiscard]] process::EncodedValue encode_native(const ValueRef& value);
/// `knows`: the field of that name in the receiver's Definitions (_process/pickling.py); 0 if the receiver is
/// this process's parent. Raises the exceptions of pickling.
[[nodiscard]] process::EncodedValue encode_python(gil::Held& held, const ValueRef& value,
                                                  std::uint64_t knows = 0,
                                                  Receiver receiver = Receiver::Process);
[[nodiscard]] process::EncodedValue encode_pickle(gil::Held& held, nanobind::handle parts);
/// Throws process::ProtocolError for invalid bytes.
[[nodiscard]] ValueRef decode(process::ReceivedValue value, const Producer& producer);
/// Returns the exception that a worker has sent, or another exception with `text` if it cannot be unpickled.
[[nodiscard]] nanobind::object make_exception(gil::Held& held, const process::ReceivedValue& error,
                                              const std::string& text, const std::string& traceback);

}  // namespace freshframe::python
