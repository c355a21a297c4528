// Values that are made of Python objects at their first use, and kept.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>

namespace freshframe::python {

/// The result of `make`, from the first call on. Like a static variable of a function, but without a lock:
/// making it may release the GIL, and another thread would then wait for that lock with the GIL (on a
/// free-threaded Python: attached, so that the garbage collector would wait for it). Two threads may both
/// make one. All use the first, and the second one's references are never released.
template <auto make>
[[nodiscard]] const auto& made_once() {
  using Made = decltype(make());
  static std::atomic<const Made*> kept{nullptr};
  const Made* known = kept.load(std::memory_order_acquire);
  if (known != nullptr) return *known;
  auto fresh = std::make_unique<const Made>(make());
  if (kept.compare_exchange_strong(known, fresh.get(), std::memory_order_acq_rel)) known = fresh.release();
  return *known;
}

}  // namespace freshframe::python
