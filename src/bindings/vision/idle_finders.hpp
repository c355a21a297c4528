// Circle finders between two calls of detect_circles: allocating their memory again costs a tenth of a picture's
// time.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/forks.hpp"
#include "freshframe/vision.hpp"

#include <mutex>
#include <optional>
#include <vector>

namespace freshframe::python {

/// Any thread may take and put. A thread that finds it locked gets nothing.
class IdleFinders {
 public:
  /// Lives until the process ends: threads may still use it while the process exits.
  [[nodiscard]] static IdleFinders& instance();

  /// The circles of one picture.
  [[nodiscard]] std::vector<Circle> find(const Plane& luma, const CircleDetectorOptions& options);

 private:
  struct Idle {
    CircleDetectorOptions options;
    CircleFinder finder;
  };
  [[nodiscard]] std::optional<CircleFinder> take(const CircleDetectorOptions& options);
  void put(const CircleDetectorOptions& options, CircleFinder finder);

  std::mutex mutex_;
  forks::Hold<std::mutex> hold_{mutex_};
  std::vector<Idle> idle_;  // the most recently used last
};

}  // namespace freshframe::python
