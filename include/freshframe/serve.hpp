// A dashboard of a pipeline over HTTP, served by a thread of its own that never waits for the pipeline.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace freshframe {

class Pipeline;
class PipelineCore;

/// What is known of the lock that an embedding language imposes (Python's GIL), from a watch that never takes
/// it.
struct LockFindings {
  struct Culprit {
    std::string native;  // "library:symbol"; empty: bytecode
    std::string python;  // "file:line:function"; empty: unknown
    std::uint64_t count = 0;
    double total = 0;  // seconds, as the next two
    double max = 0;
    double p50 = 0;
  };
  struct Stall {
    std::uint64_t id = 0;  // from 1
    double seconds = 0;
    std::string thread;
    std::string native;
    std::string python;
  };
  bool watching = false;
  std::uint64_t stalls = 0;
  double stalled = 0;             // seconds in total
  std::optional<Stall> now;       // one that goes on; its id is 0
  std::vector<Culprit> culprits;  // the worst first
  std::vector<Stall> recent;      // the newest, oldest first
};

/// What a stranger can cost at most. Times in seconds.
struct ServeLimits {
  std::size_t connections = 256;
  double head = 5;          // for a request's line and headers to come in whole
  double idle = 30;         // between two requests on a connection
  double write = 10;        // for an answer to be taken
  double acknowledge = 10;  // for a live viewer to acknowledge what it was sent
};

struct ServeOptions {
  std::string host = "127.0.0.1";  // an address, or "localhost"
  std::uint16_t port = 0;          // 0: one that is free
  /// Nodes whose pictures can be viewed; nullopt: all that are known to send frames.
  std::optional<std::vector<std::string>> view = {};
  /// Empty: none is needed from this machine, and one is made up when others can reach the server.
  std::string token = {};
  ServeLimits limits = {};
  /// Called on the server's thread; it must not block. Empty: nothing is known.
  std::function<LockFindings()> lock_findings = {};
};

/// What /metrics tells of a pipeline, but for viewers, for programs that serve it themselves. Thread-safe;
/// waits for another thread's text() only.
class Metrics {
 public:
  explicit Metrics(std::shared_ptr<PipelineCore> pipeline, std::function<LockFindings()> lock_findings = {});
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// In Prometheus' text format 0.0.4. A stall is noticed from one call to the next.
  [[nodiscard]] std::string text();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Serves a pipeline before, while and after it runs, until it is closed. Makes two threads, one for the
/// network and one for JPEG pictures. The pipeline's threads never wait for either: an edge's counters are
/// read under its mutex, and a node whose pictures somebody views hands over a reference, at most 15 times a
/// second.
class Server {
 public:
  /// Listens when it returns. Throws GraphError for options that cannot be, Error when it cannot listen. Of a
  /// pipeline there can be one server that views the same node.
  Server(const Pipeline& pipeline, ServeOptions options = {});
  Server(std::shared_ptr<PipelineCore> pipeline, ServeOptions options);
  /// close().
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// With the token, when there is one.
  [[nodiscard]] const std::string& url() const noexcept;
  /// Ends its threads and connections. Idempotent.
  void close();
  /// In the child of a fork: gives up the descriptors of threads that are not there. The object must be
  /// leaked.
  void forget_in_child() noexcept;

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace freshframe
