// A dashboard of a pipeline over HTTP, served by a separate thread that never waits for the pipeline.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil_findings.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace freshframe::core {
class PipelineCore;
}  // namespace freshframe::core

namespace freshframe {

class Pipeline;

/// Limits on one client's use of resources. Times in seconds.
struct ServeLimits {
  std::size_t connections = 256;  // connections that have shown the token, if one is needed
  /// Connections that have made no permitted request yet. One more cuts the oldest of them.
  std::size_t unknown = 64;
  double head = 5;          // until a request's line and headers are complete
  double idle = 30;         // between two requests on a connection; `head` for an unknown one
  double write = 10;        // until the client has read an answer
  double acknowledge = 10;  // until a live viewer acknowledges a message
  double look = 30;         // until the pictures of a question about the past are decoded
};

/// An answer of the program's own: its type, its text and its HTTP status.
struct Document {
  std::string type = "application/json";
  std::string body = {};
  unsigned status = 200;
};

/// Answers of the program's own, by path. They take precedence over the server's. Any thread may set and find
/// them.
class Documents {
 public:
  /// `path` begins with '/'. Replaces the old answer.
  void set(std::string path, Document document);
  /// Sets a document for `seconds`, and then `after`, unless it is set again before: an answer expires.
  void set(std::string path, Document document, double seconds, Document after);
  /// Returns null if no such document exists.
  [[nodiscard]] std::shared_ptr<const Document> find(std::string_view path) const;
  /// How often one was found, which shows whether clients ask.
  [[nodiscard]] std::uint64_t request_count() const noexcept {
    return asked_.load(std::memory_order_relaxed);
  }

 private:
  struct Entry {
    std::shared_ptr<const Document> document;
    std::optional<std::chrono::steady_clock::time_point> until;
    std::shared_ptr<const Document> after;  // the answer from then on
  };

  mutable std::mutex mutex_;
  std::map<std::string, Entry, std::less<>> documents_;
  mutable std::atomic<std::uint64_t> asked_{0};
};

/// Options of the dashboard's server.
struct ServeOptions {
  std::string host = "127.0.0.1";  // an address, or "localhost"
  std::uint16_t port = 0;          // 0: a free port
  /// Nodes whose pictures can be viewed; nullopt means all that are known to emit frames.
  std::optional<std::vector<std::string>> view = {};
  /// The token of a request. If it is empty, a loopback address needs no token, and on any other address
  /// the server makes a random one.
  std::string token = {};
  /// Permits pictures only, as a part of their URLs (?token=...). Empty means where a token is needed, the
  /// server makes a random one.
  std::string picture_token = {};
  /// Pages of other servers that may use this one, such as "https://my.site"; their hosts are accepted as
  /// Host, too, because a proxy may pass it on. "*": live video is for pages of all servers, which needs a
  /// token.
  std::vector<std::string> origins = {};
  /// Names of the looks that /api/look/NAME shows to clients with the token; the token for pictures does not open it. Each
  /// is there at the start. After it was removed, the next look of this name is shown.
  std::vector<std::string> look = {};
  double looks_per_minute = 30;  // questions about the past in a minute, of each client
  ServeLimits limits = {};
  /// Seconds that a source may be without a connection before /healthz fails; nullopt means any time.
  std::optional<double> away_after = 30.0;
  /// Called on the server's thread; it must not block. Empty means there are no findings.
  std::function<GilFindings()> gil_findings = {};
  std::shared_ptr<const Documents> documents = {};
};

/// Serves a pipeline before, while and after it runs, until it is closed. Makes two threads, one for the
/// network and one for JPEG pictures. The pipeline's threads never wait for either: an edge's counters are
/// read under its mutex, and a node whose pictures have a viewer hands over a reference, at most 15 times a
/// second.
class Server {
 public:
  /// Listens when it returns. Throws OptionError for invalid options, StateError for a node that another
  /// server views already, Error when it cannot listen.
  Server(const Pipeline& pipeline, ServeOptions options = {});
  /// For embedders.
  Server(std::shared_ptr<core::PipelineCore> pipeline, ServeOptions options);
  /// Without a pipeline: for `documents`.
  explicit Server(ServeOptions options);
  /// close().
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Includes the token, if there is one.
  [[nodiscard]] const std::string& url() const noexcept { return urls().front(); }
  /// Where all addresses of the machine are served ("0.0.0.0"): one per address, then one with its name.
  [[nodiscard]] const std::vector<std::string>& urls() const noexcept;
  /// The token of ServeOptions; empty if no token is needed.
  [[nodiscard]] const std::string& picture_token() const noexcept;
  /// Ends its threads and connections. Idempotent.
  void close();
  /// In the child of a fork: closes the descriptors of threads that do not exist there. The object must be
  /// leaked.
  void forget_in_child() noexcept;

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace freshframe
