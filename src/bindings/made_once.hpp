// What is made of Python objects when it is first used, and kept.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>

namespace freshframe::python {

/// What `make` returns, from the first call on; the type is what it returns. Like a static variable of a function, but no
/// lock is held meanwhile: to make it may let another thread in, which would then wait for that lock with the GIL (on a
/// free-threaded Python: attached, so that the garbage collector would wait for it). Two threads may both make one; the
/// first is kept by all, and what the second holds stays for ever.
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
