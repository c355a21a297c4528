// A source that produces frames only while someone uses them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

namespace freshframe::core {

class PictureTap;

/// Implemented in addition to SourceBase. A dashboard page is not a consumer in the graph, so the source also
/// checks its taps for viewers.
class WatchedSource {
 public:
  WatchedSource() = default;
  WatchedSource(const WatchedSource&) = delete;
  WatchedSource& operator=(const WatchedSource&) = delete;
  virtual ~WatchedSource() = default;

  /// Adds a tap through which viewers may request the source's frames. Thread-safe.
  virtual void watch(const std::shared_ptr<const PictureTap>& tap) = 0;
};

}  // namespace freshframe::core
