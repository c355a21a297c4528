// What a crew needs from the program that embeds the engine: serialization of values, exceptions and log
// records.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"
#include "freshframe/node.hpp"
#include "freshframe/sample.hpp"

#include <exception>
#include <string>

#include "process/wire/value.hpp"

namespace freshframe::process {

/// An exception of the node, as sent by its worker.
struct WorkerFailure {
  std::string text;
  std::string traceback;
  ReceivedValue error;  // the exception object; of kind kNoValue if it could not be sent
  bool is_device_error = false;
};

/// Called on a node's control thread, without any lock held.
class Embedder {
 public:
  Embedder() = default;
  Embedder(const Embedder&) = delete;
  Embedder& operator=(const Embedder&) = delete;
  virtual ~Embedder() = default;

  /// Serializes a value. If that fails, throws the exception that the node is to fail with.
  [[nodiscard]] virtual EncodedValue encode(const ValueRef& value) = 0;
  /// `producer` is the node's name, for error messages about a value that cannot be unpickled. Throws
  /// ProtocolError for invalid bytes.
  [[nodiscard]] virtual ValueRef decode(ReceivedValue value, const std::string& producer) = 0;
  /// Returns the cause of the NodeError that ends the pipeline. If the failure is a DeviceError, so is the
  /// cause.
  [[nodiscard]] virtual std::exception_ptr make_cause(WorkerFailure failure) = 0;
  /// Called for each result of the sample `from` before it is emitted. For warnings.
  virtual void inspect(const Emitted& /*result*/, const AnySample& /*from*/) {}
  virtual void log(int level, const std::string& logger, const std::string& text) = 0;
  [[nodiscard]] virtual const PixelOps& pixel_ops() const = 0;
  /// Must be the same in both processes.
  [[nodiscard]] virtual std::string version() const = 0;
};

}  // namespace freshframe::process
