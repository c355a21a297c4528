// The requests of a crew to the program that embeds the engine: to turn values, exceptions and log records into bytes
// and back.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"
#include "freshframe/sample.hpp"

#include <exception>
#include <string>

#include "process/wire/value.hpp"

namespace freshframe::process {

/// An exception of the node, as its worker has sent it.
struct WorkerFailure {
  std::string text;
  std::string traceback;
  ReceivedValue error;  // the exception itself; of kind kNoValue when it could not be sent
  bool is_device_error = false;
};

/// Called on the control thread of a node, without any lock.
class Embedder {
 public:
  Embedder() = default;
  Embedder(const Embedder&) = delete;
  Embedder& operator=(const Embedder&) = delete;
  virtual ~Embedder() = default;

  /// Throws the exception with which the node must fail.
  [[nodiscard]] virtual EncodedValue encode(const ValueRef& value) = 0;
  /// `producer` is the node, for messages about a value that cannot be unpickled. Throws ProtocolError for
  /// invalid bytes.
  [[nodiscard]] virtual ValueRef decode(ReceivedValue value, const std::string& producer) = 0;
  /// The cause of the NodeError that ends the pipeline. For a DeviceError it is one.
  [[nodiscard]] virtual std::exception_ptr make_cause(WorkerFailure failure) = 0;
  virtual void log(int level, const std::string& logger, const std::string& text) = 0;
  [[nodiscard]] virtual const PixelOps& pixel_ops() const = 0;
  /// Both ends must be the same program.
  [[nodiscard]] virtual std::string version() const = 0;
};

}  // namespace freshframe::process
