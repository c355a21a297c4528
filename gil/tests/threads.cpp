// Native threads and the main thread fight for the GIL of an embedded interpreter; for TSan and ASan.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <cstdio>
#include <latch>
#include <thread>
#include <vector>

namespace gil = freshframe::gil;

namespace {

constexpr int kThreads = 4;
constexpr int kRounds = 300;

// Written only by who holds the GIL; no atomic: TSan sees whether the GIL guards it.
long shared_count = 0;

void count(gil::Held& /*held*/) {
  ++shared_count;
}

void work(gil::Released& released, std::latch& start, gil::Ref callback) {
  start.arrive_and_wait();
  for (int i = 0; i < kRounds; ++i) {
    gil::acquire(released, &count);
    gil::Ref dropped;
    gil::acquire(released, [&](gil::Held& held) {
      dropped = callback.clone(held);
      gil::release(held, [](int) {}, 1);
    });
  }
}

long run(gil::Held& held) {
  PyObject* const list = PyList_New(0);
  const auto references = Py_REFCNT(list);
  std::latch start(kThreads + 1);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i)
    threads.emplace_back(gil::native_thread, &work, std::ref(start), gil::Ref(held, list));
  gil::release(held, [](std::latch& latch) { latch.arrive_and_wait(); }, start);
  for (int i = 0; i < kRounds; ++i) {
    count(held);
    gil::release(held, [] { std::this_thread::yield(); });
  }
  gil::release(
      held,
      [](std::vector<std::thread>& all) {
        for (auto& thread : all) thread.join();
      },
      threads);
  gil::DeferredFree::instance().drain(held);
  const long leaked = static_cast<long>(Py_REFCNT(list) - references);
  Py_DECREF(list);
  return leaked;
}

}  // namespace

int main() {
  Py_InitializeEx(0);
  const long leaked = gil::entry<&run>();
  const long expected = static_cast<long>(kThreads + 1) * kRounds;
  std::printf("%ld of %ld counted, %ld references leaked\n", shared_count, expected, leaked);
  const bool right = shared_count == expected && leaked == 0;
  return Py_FinalizeEx() == 0 && right ? 0 : 1;
}
