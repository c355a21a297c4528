// Whether anybody takes the frames of a camera whose packets are taken.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"

#include <functional>
#include <memory>
#include <utility>

namespace freshframe::media {

/// Any thread.
class FrameDemand {
 public:
  using Taken = std::function<bool()>;

  void set(bool wanted) {
    ask([wanted] { return wanted; });
  }
  /// `taken` is called for each packet, without a lock, on the threads that read.
  void ask(Taken taken) {
    auto next = std::make_shared<const Taken>(std::move(taken));
    const Lock lock(mutex_);
    taken_.swap(next);
  }
  [[nodiscard]] bool any() const {
    std::shared_ptr<const Taken> taken;
    {
      const Lock lock(mutex_);
      taken = taken_;
    }
    return !taken || (*taken)();
  }

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const Taken> taken_ FRESHFRAME_GUARDED_BY(mutex_);  // null: nobody has asked or said
};

}  // namespace freshframe::media
