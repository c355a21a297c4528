// The latest calls of a node, or takes of a reader: when a sample was taken, and what its time was spent on.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/sample.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "platform/pages.hpp"

namespace freshframe::core {

/// Which sample it was, and which node had sent it. Nodes are known by their numbers, which are never used again.
struct CallKey {
  std::int64_t seq = 0;
  std::int32_t source = -1;
  std::int32_t part = 0;
  std::int32_t from = -1;

  [[nodiscard]] static CallKey make(const AnySample& sample) noexcept {
    return {sample.stamp.seq, sample.stamp.source, sample.stamp.part, sample.node};
  }
};

/// One call of one sample. All times were read for other purposes: a record reads no clock. Durations are in seconds.
struct Call {
  std::int64_t seq = 0;
  std::int32_t source = -1;
  std::int32_t part = 0;
  std::int32_t from = -1;
  float gathered = 0;       // for which its batch had been gathering when it was taken
  TimePoint taken{};        // from the queue; of a source: captured
  TimePoint done{};         // the end of the call; of a source: its publication; of a reader: as `taken`
  std::int64_t waited = 0;  // nanoseconds for which the thread had waited for room until `done`, all in all
  float start = 0;          // from `taken` to the call
  float gil_before = 0;     // part of `start` spent waiting for the GIL
  float gil_within = 0;     // part of the call spent waiting for the GIL
  float order = 0;          // from `done` until the results of earlier samples had left

  [[nodiscard]] static Call make(const CallKey& key) noexcept {
    Call call;
    call.seq = key.seq;
    call.source = key.source;
    call.part = key.part;
    call.from = key.from;
    return call;
  }
};
static_assert(sizeof(Call) == 64);

/// One thread adds, any thread reads. Bounded by number, so that a node of a thousand samples per second needs the
/// same memory as any other node; unused records are never touched, and all memory goes back to the machine with the
/// ring.
///
/// Note [Records without a lock]
/// The writer stores the members of a record and then the count. A reader copies records, and then drops the records
/// that the writer may have begun to overwrite: a member of a newer record makes the count before it visible, too.
/// Nodes of a burst add a record every 300 ns: a record is one cache line, and its stores are plain ones on x86-64.
class CallRing {
 public:
  static constexpr std::size_t kCalls = 4096;

  CallRing();

  void add(const Call& call) noexcept {
    const auto number = count_.load(std::memory_order_relaxed);
    write(records_[number % kCalls], call);
    count_.store(number + 1, std::memory_order_release);
  }
  /// The call that was added last has waited `seconds` for the GIL. Only the thread that adds.
  void add_gil(double seconds) noexcept;
  /// Returns the calls that are still there, the oldest first.
  [[nodiscard]] std::vector<Call> calls() const;
  /// Returns the calls that ended at `since` or later.
  [[nodiscard]] std::vector<Call> calls(TimePoint since) const;

 private:
  // As Call, but of no initial value: the pages of the ring stay untouched until they are used.
  struct alignas(sizeof(Call)) Record {
    std::int64_t seq;
    std::int32_t source;
    std::int32_t part;
    std::int32_t from;
    float gathered;
    TimePoint::rep taken;
    TimePoint::rep done;
    std::int64_t waited;
    float start;
    float gil_before;
    float gil_within;
    float order;
  };
  static_assert(sizeof(Record) == sizeof(Call));

  template <class T>
  static void put(T& to, T value) noexcept {
    std::atomic_ref<T>(to).store(value, std::memory_order_release);
  }
  static void write(Record& to, const Call& call) noexcept {
    put(to.seq, call.seq);
    put(to.source, call.source);
    put(to.part, call.part);
    put(to.from, call.from);
    put(to.gathered, call.gathered);
    put(to.taken, call.taken.time_since_epoch().count());
    put(to.done, call.done.time_since_epoch().count());
    put(to.waited, call.waited);
    put(to.start, call.start);
    put(to.gil_before, call.gil_before);
    put(to.gil_within, call.gil_within);
    put(to.order, call.order);
  }
  [[nodiscard]] Call read(std::uint64_t number) const noexcept;

  const platform::Pages pages_;
  Record* const records_;  // in `pages_`
  std::atomic<std::uint64_t> count_{0};
};

}  // namespace freshframe::core
