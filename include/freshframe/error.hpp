// The engine's exceptions: one class per kind of failure, all derived from freshframe::Error.
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

/// Base of all exceptions that the engine throws on purpose.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The graph's wiring is invalid: refused at add(), reader() or start().
class GraphError : public Error {
 public:
  using Error::Error;
};

/// A value is out of range, or of a form that the function does not accept.
class OptionError : public Error {
 public:
  using Error::Error;
};

/// A value is of a type that the function does not accept.
class OptionTypeError : public Error {
 public:
  using Error::Error;
};

/// The object's present state does not allow the call: it is too early, too late, or concurrent with another.
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

/// One sample of a batch.
struct BatchSample {
  std::string source;
  std::int64_t seq = 0;

  bool operator==(const BatchSample&) const = default;
};

struct AnySample;  // sample.hpp

/// The parts of a NodeError, which its functions describe.
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
  /// The samples of the call that failed as a whole; the first one is seq() of source(). Empty outside
  /// batches.
  [[nodiscard]] const std::vector<BatchSample>& batch() const noexcept { return batch_; }
  /// The sample that it failed on, with its frame; of a batch the first one. Null outside process().
  [[nodiscard]] const std::shared_ptr<const AnySample>& sample() const noexcept { return sample_; }
  /// The names of the pipeline's nodes, which the sample has as numbers. Null outside process().
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

/// More picture memory is on loan outside the engine than Pipeline::Options::max_held_bytes allows.
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

/// The pipeline does not move because a full blocking edge is not read; the message names the edge.
class StalledError : public Error {
 public:
  using Error::Error;
};

/// stop() ran out of time; `nodes()` are still busy.
class StopTimeoutError : public Error {
 public:
  StopTimeoutError(const std::string& what, std::vector<std::string> nodes)
      : Error(what), nodes_(std::move(nodes)) {}

  [[nodiscard]] const std::vector<std::string>& nodes() const noexcept { return nodes_; }

 private:
  std::vector<std::string> nodes_;
};

}  // namespace freshframe
