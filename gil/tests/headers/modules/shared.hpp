// Shared by the three test modules: work for released scopes and for native threads.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <span>
#include <stdexcept>
#include <thread>
#include <utility>

namespace shared {

namespace gil = freshframe::gil;

inline double total(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum;
}

// Waits until `parties` threads are in here at the same time; returns how many were.
inline int meet(int parties) {
  static std::mutex mutex;
  static std::condition_variable changed;
  static int inside = 0;
  static int most = 0;
  std::unique_lock lock(mutex);
  most = ++inside;
  changed.notify_all();
  changed.wait_for(lock, std::chrono::seconds(30), [&] { return most >= parties; });
  const int met = most;
  if (--inside == 0) most = 0;
  return met;
}

inline void throw_out_of_range() {
  throw std::out_of_range("thrown without the GIL");
}

// Release, acquire and release again, one in the other.
inline int nested(gil::Held& held) {
  return gil::release(held, [](gil::Released& released) {
    return gil::acquire(released, [](gil::Held& inner) { return gil::release(inner, [] { return 7; }); });
  });
}

// `Call` calls Python with the object in the reference; it is called `times` times on one native thread.
template <void (*Call)(gil::Held&, const gil::Ref&)>
void call_on_native_thread(gil::Held& held, gil::Ref callback, int times) {
  gil::release(
      held,
      [](gil::Ref& ref, int n) {
        std::thread thread(
            gil::native_thread,
            [](gil::Released& released, const gil::Ref& r, int m) {
              for (int i = 0; i < m; ++i) gil::acquire(released, Call, r);
            },
            std::move(ref), n);
        thread.join();
      },
      callback, times);
}

// The reference dies on a thread that Python does not know; returns how many waited to be freed just then.
inline std::size_t drop_on_native_thread(gil::Held& held, gil::Ref object) {
  return gil::release(
      held,
      [](gil::Ref& ref) {
        std::thread thread([](gil::Ref dying) { const gil::Ref gone = std::move(dying); }, std::move(ref));
        thread.join();
        return gil::DeferredFree::instance().pending();
      },
      object);
}

}  // namespace shared
