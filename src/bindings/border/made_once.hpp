// Python values that are made at their first use and then cached.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>

namespace freshframe::python {

/// Returns the result of `make`, which is made by the first call. Unlike a static variable in a function, it
/// has no lock: `make` may release the GIL, and another thread would then wait for the lock while it holds
/// the GIL (on free-threaded Python: while it is attached, which blocks the garbage collector). If two
/// threads call `make` at the same time, all callers get the first result, and the references of the second
/// one are never released.
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
