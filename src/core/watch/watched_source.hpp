// A source that makes frames only while they are taken.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

namespace freshframe::core {

class PictureTap;

/// Beside SourceBase. A page is no consumer in the graph, so such a source asks the taps of its pictures.
class WatchedSource {
 public:
  WatchedSource() = default;
  WatchedSource(const WatchedSource&) = delete;
  WatchedSource& operator=(const WatchedSource&) = delete;
  virtual ~WatchedSource() = default;

  /// Viewers may ask for the source's pictures through this tap. Any thread may call it.
  virtual void watch(const std::shared_ptr<const PictureTap>& tap) = 0;
};

}  // namespace freshframe::core
