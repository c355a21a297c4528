// A dashboard for a pipeline over HTTP. Its threads never hold up the pipeline.
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

/// Limits for each client. Times are in seconds.
struct ServeLimits {
  std::size_t connections = 256;  // connections that have presented the token, if one is required
  /// Maximum number of connections without an authorised request so far. When the limit is exceeded, the
  /// oldest is closed.
  std::size_t unknown = 64;
  // To receive a request's line and headers, or the token from a page that sends a camera's video.
  double head = 5;
  double idle = 30;         // between two requests on a connection; unauthorised connections get only `head`
  double write = 10;        // for a client to read a response
  double acknowledge = 10;  // for a live viewer to acknowledge a message
  double look = 30;         // to decode the images for a request for past frames (Look)
};

/// A response that the program provides.
struct Document {
  std::string type = "application/json";
  std::string body = {};
  unsigned status = 200;
};

/// Responses that the program provides, by path. They take precedence over the server's own. Thread-safe.
class Documents {
 public:
  /// Adds or replaces a response. `path` starts with '/'.
  void set(std::string path, Document document);
  /// Adds a response, and replaces it with `after` when `seconds` have passed, unless set() has replaced it.
  void set(std::string path, Document document, double seconds, Document after);
  /// Returns the response for a path, or null if there is none.
  [[nodiscard]] std::shared_ptr<const Document> find(std::string_view path) const;
  /// Number of successful find() calls, which shows whether clients are asking.
  [[nodiscard]] std::uint64_t request_count() const noexcept {
    return asked_.load(std::memory_order_relaxed);
  }

 private:
  struct Entry {
    std::shared_ptr<const Document> document;
    std::optional<std::chrono::steady_clock::time_point> until;
    std::shared_ptr<const Document> after;  // replaces the document when it expires
  };

  mutable std::mutex mutex_;
  std::map<std::string, Entry, std::less<>> documents_;
  mutable std::atomic<std::uint64_t> asked_{0};
};

/// Options of Server.
struct ServeOptions {
  std::string host = "127.0.0.1";  // an IP address or "localhost"
  std::uint16_t port = 0;          // 0 for any free port
  /// Nodes whose frames can be viewed; nullopt means all that are known to emit frames.
  std::optional<std::vector<std::string>> view = {};
  /// The token that requests must present. If it is empty, none is needed on a loopback address, and for any
  /// other address the server generates one.
  std::string token = {};
  /// A token that only gives access to images, for use in URLs (?token=...). If it is empty and a token is
  /// needed, the server generates one.
  std::string picture_token = {};
  /// Origins of other websites whose pages may use this server, such as "https://my.site". Their host names
  /// are also accepted in the Host header, because a proxy may pass it on. "*" opens live video to all
  /// websites, and then a token is required.
  std::vector<std::string> origins = {};
  /// Names of the Look nodes that clients with the token can query at /api/look/NAME; picture_token does not
  /// give access. They must exist at start. If one is removed, the next Look of the same name takes over.
  std::vector<std::string> look = {};
  double looks_per_minute = 30;  // limit for requests to the Look nodes, for each client
  ServeLimits limits = {};
  /// How long a source may be disconnected before /healthz fails, in seconds; nullopt: forever.
  std::optional<double> away_after = 30.0;
  /// Called on the server's thread; must not block. May be empty.
  std::function<GilFindings()> gil_findings = {};
  std::shared_ptr<const Documents> documents = {};
};

/// Serves a pipeline until it is closed, also before and after the pipeline runs. Starts two threads, one for
/// the network and one for JPEG encoding. The pipeline never waits for them: the server reads an edge's
/// counters under its mutex, and a node being viewed only hands over a reference, at most 15 times a second.
class Server {
 public:
  /// Listens when it returns. Throws OptionError for invalid options, StateError if another server already
  /// views one of the nodes, and Error if it cannot listen. If several servers share a pipeline, browsers
  /// send their cameras ("browser:") to the first one, until it is closed.
  Server(const Pipeline& pipeline, ServeOptions options = {});
  /// For embedders.
  Server(std::shared_ptr<core::PipelineCore> pipeline, ServeOptions options);
  /// A server without a pipeline, only for `documents`.
  explicit Server(ServeOptions options);
  /// Calls close().
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Includes the token, if there is one.
  [[nodiscard]] const std::string& url() const noexcept { return urls().front(); }
  /// The server's URLs. If it listens on all addresses ("0.0.0.0"), one for each address, then one with the
  /// host name.
  [[nodiscard]] const std::vector<std::string>& urls() const noexcept;
  /// The token for images; empty if none is needed.
  [[nodiscard]] const std::string& picture_token() const noexcept;
  /// The tokens in the links of the "browser:" sources, keyed by node name. Each lets a page send video for
  /// one camera and view images. Empty after close().
  [[nodiscard]] std::map<std::string, std::string> camera_tokens();
  /// Closes all connections and stops the threads. Idempotent.
  void close();
  /// Call in a forked child, where the server's threads do not exist: closes its file descriptors. The object
  /// must then be leaked.
  void forget_in_child() noexcept;

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace freshframe
