// The engine's exceptions, all derived from freshframe::Error.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace freshframe {

/// Base class of all exceptions thrown by the engine.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The graph is wired incorrectly. Thrown by add(), reader() and start().
class GraphError : public Error {
 public:
  using Error::Error;
};

/// A value is out of range or malformed.
class OptionError : public Error {
 public:
  using Error::Error;
};

/// A value has the wrong type.
class OptionTypeError : public Error {
 public:
  using Error::Error;
};

/// The call is not possible in the object's current state: too early, too late, or concurrent with another
/// call.
class StateError : public Error {
 public:
  using Error::Error;
};

/// A device, file or network stream could not be opened or was lost.
class SourceError : public Error {
 public:
  /// `url` must not contain a password. `code` is an errno value, or 0.
  SourceError(const std::string& what, std::string url, int code = 0, std::string source = {})
      : Error(what), url_(std::move(url)), code_(code), source_(std::move(source)) {}

  /// Name of the source node; empty until the engine has reported the error.
  [[nodiscard]] const std::string& source() const noexcept { return source_; }
  [[nodiscard]] const std::string& url() const noexcept { return url_; }
  [[nodiscard]] int code() const noexcept { return code_; }

 private:
  std::string url_;
  int code_ = 0;
  std::string source_;
};

/// A source did not open, or did not deliver, within its time limit.
class SourceTimeoutError : public SourceError {
 public:
  using SourceError::SourceError;
};

/// Identifies a sample of a failed batch.
struct BatchSample {
  std::string source;
  std::int64_t seq = 0;

  bool operator==(const BatchSample&) const = default;
};

struct AnySample;  // sample.hpp

/// The members of a NodeError; see its accessors.
struct NodeFailure {
  std::string node;
  std::int64_t seq = -1;  // -1: the node failed outside process() (in open() or close())
  std::string source;
  std::exception_ptr cause;
  std::vector<BatchSample> batch;
  std::shared_ptr<const AnySample> sample = {};
  std::shared_ptr<const std::vector<std::string>> nodes = {};
};

/// A node threw. `cause()` is the original exception.
class NodeError : public Error {
 public:
  NodeError(const std::string& what, NodeFailure failure)
      : Error(what),
        node_(std::move(failure.node)),
        seq_(failure.seq),
        source_(std::move(failure.source)),
        cause_(std::move(failure.cause)),
        batch_(std::move(failure.batch)),
        sample_(std::move(failure.sample)),
        nodes_(std::move(failure.nodes)) {}

  [[nodiscard]] const std::string& node() const noexcept { return node_; }
  [[nodiscard]] std::int64_t seq() const noexcept { return seq_; }
  [[nodiscard]] const std::string& source() const noexcept { return source_; }
  [[nodiscard]] const std::exception_ptr& cause() const noexcept { return cause_; }
  /// All samples of the failed call; the first one is seq() of source(). Empty unless the node has a batch.
  [[nodiscard]] const std::vector<BatchSample>& batch() const noexcept { return batch_; }
  /// The sample that failed, with its frame; the first one of a batch. If a worker process died or was
  /// killed, it is the sample that the worker was working on. Null outside process().
  [[nodiscard]] const std::shared_ptr<const AnySample>& sample() const noexcept { return sample_; }
  /// Names of the pipeline's nodes, by the indices that `sample()` refers to. Null outside process().
  [[nodiscard]] const std::shared_ptr<const std::vector<std::string>>& nodes() const noexcept {
    return nodes_;
  }

 private:
  std::string node_;
  std::int64_t seq_ = -1;
  std::string source_;
  std::exception_ptr cause_;
  std::vector<BatchSample> batch_;
  std::shared_ptr<const AnySample> sample_;
  std::shared_ptr<const std::vector<std::string>> nodes_;
};

/// The program holds more frame memory than Pipeline::Options::max_held_bytes allows.
class FramesHeldError : public Error {
 public:
  using Error::Error;
};

/// The stream ended, and all its samples have been read.
class EndOfStreamError : public Error {
 public:
  using Error::Error;
};

/// No sample arrived in time; the reader stays usable.
class ReadTimeoutError : public Error {
 public:
  using Error::Error;
};

/// The pipeline is stuck because nobody reads from a full blocking edge. The message names the edge.
class StalledError : public Error {
 public:
  using Error::Error;
};

/// stop() timed out; `nodes()` are still busy.
class StopTimeoutError : public Error {
 public:
  StopTimeoutError(const std::string& what, std::vector<std::string> nodes)
      : Error(what), nodes_(std::move(nodes)) {}

  [[nodiscard]] const std::vector<std::string>& nodes() const noexcept { return nodes_; }

 private:
  std::vector<std::string> nodes_;
};

}  // namespace freshframe
