// The latest calls of a node or reads of a reader: when a sample was taken, and how its time was spent.
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

/// Identifies a sample, and the node that sent it. Node numbers are never reused.
struct CallKey {
  std::int64_t seq = 0;
  std::int32_t source = -1;
  std::int32_t part = 0;
  std::int32_t from = -1;

  [[nodiscard]] static CallKey make(const AnySample& sample) noexcept {
    return {sample.stamp.seq, sample.stamp.source, sample.stamp.part, sample.node};
  }
};

/// One call with one sample. All times were measured for other purposes, so that a record needs no clock
/// reading. Durations are in seconds.
struct Call {
  std::int64_t seq = 0;
  std::int32_t source = -1;
  std::int32_t part = 0;
  std::int32_t from = -1;
  float gathered = 0;       // how long the sample's batch had been gathering when the sample was taken
  TimePoint taken{};        // when the sample was taken from the queue; for a source, when it was captured
  TimePoint done{};         // end of the call; for a source, when it published; for a reader, `taken`
  std::int64_t waited = 0;  // nanoseconds that the thread had waited for room in total, until `done`
  float start = 0;          // time between `taken` and the start of the call
  float gil_before = 0;     // part of `start` spent waiting for the GIL
  float gil_within = 0;     // part of the call spent waiting for the GIL
  float order = 0;          // time from `done` until the results of earlier samples had been sent

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

/// One thread adds, any thread reads. Limited by number of records, so that a node with a thousand samples
/// per second needs no more memory than any other. Unused pages are never touched, and all memory is returned
/// to the system.
///
/// Note [Records without a lock]
///
/// The writer stores the members of a record and then the count. A reader copies records, and then discards
/// those that the writer may have started to overwrite: if it saw a member of a newer record, it also sees
/// the count before it. In a burst, nodes add a record every 300 ns, so a record is one cache line and uses
/// plain stores on x86-64.
class CallRing {
 public:
  static constexpr std::size_t kCalls = 4096;

  CallRing();

  void add(const Call& call) noexcept {
    const auto number = count_.load(std::memory_order_relaxed);
    write(records_[number % kCalls], call);
    count_.store(number + 1, std::memory_order_release);
  }
  /// Adds seconds that the latest call waited for the GIL. Only for the thread that adds.
  void add_gil(double seconds) noexcept;
  /// Returns the calls that are still stored, oldest first.
  [[nodiscard]] std::vector<Call> calls() const;
  /// Returns the calls that ended at `since` or later.
  [[nodiscard]] std::vector<Call> calls(TimePoint since) const;

 private:
  // Like Call, but uninitialized, so that the ring's pages stay untouched until used.
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
