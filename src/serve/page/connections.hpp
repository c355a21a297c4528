// The set of open connections and its limits.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/serve.hpp"

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "serve/page/connection.hpp"
#include "serve/state/snapshot.hpp"

namespace freshframe::serve {

/// A connection that gets each state of the pipeline.
class StateViewer {
 public:
  StateViewer() = default;
  StateViewer(const StateViewer&) = delete;
  StateViewer& operator=(const StateViewer&) = delete;
  virtual ~StateViewer() = default;
  virtual void tell(const std::shared_ptr<const std::string>& state) = 0;
};

/// A connection that watches video.
class VideoViewer {
 public:
  VideoViewer() = default;
  VideoViewer(const VideoViewer&) = delete;
  VideoViewer& operator=(const VideoViewer&) = delete;
  virtual ~VideoViewer() = default;
  /// Adds the views of this connection to the views of their ports.
  virtual void count_views(std::vector<ViewInfo>& views) const = 0;
};

/// The connections of a server by role. Used on the network thread. Does not own them: each one adds and
/// removes itself.
class Connections {
 public:
  explicit Connections(const ServeLimits& limits) : limits_(limits) {}

  void enter(Connection& connection) { all_.insert(&connection); }
  void leave(Connection& connection);
  /// Adds a connection that has not made a permitted request yet. If there are too many of these, the oldest
  /// are closed.
  void enter_unknown(Connection& connection);
  /// Records that the connection has made a permitted request. Returns false if there are too many.
  [[nodiscard]] bool make_known(Connection& connection);

  void enter(StateViewer& viewer) { viewers_.insert(&viewer); }
  void leave(StateViewer& viewer) { viewers_.erase(&viewer); }
  void enter(VideoViewer& watcher) { watchers_.insert(&watcher); }
  void leave(VideoViewer& watcher) { watchers_.erase(&watcher); }
  void count_stream(int change) { streams_ += static_cast<std::size_t>(change); }
  /// The number of MJPEG streams.
  [[nodiscard]] std::size_t streams() const noexcept { return streams_; }
  [[nodiscard]] std::size_t viewers() const noexcept { return viewers_.size(); }
  [[nodiscard]] bool has_watchers() const noexcept { return !watchers_.empty(); }

  /// Sends the state to all viewers.
  void tell(const std::shared_ptr<const std::string>& state);
  void count_views(std::vector<ViewInfo>& views) const;
  /// Calls check() of each connection.
  void check(Connection::Time now);
  void cut_all();

 private:
  const ServeLimits& limits_;
  std::unordered_set<Connection*> all_;
  std::deque<Connection*> unknown_;  // no permitted request yet; oldest first
  std::unordered_set<StateViewer*> viewers_;
  std::unordered_set<VideoViewer*> watchers_;
  std::size_t streams_ = 0;
};

}  // namespace freshframe::serve
