// The results of one run of a camera that wait for one reader.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <vector>

#include "fleet/records.hpp"

namespace freshframe::fleet {

struct Result {
  std::int64_t seq = 0;
  std::int64_t part = 0;
  double pts = 0;
  double time = 0;
  std::shared_ptr<const std::vector<std::byte>> bytes;  // shared by the outboxes of several readers
};

struct OutboxLimits {
  std::size_t results = 1000;
  std::size_t size_bytes = 8U << 20;
};

/// Bounded; the oldest result makes room. Not thread-safe.
class Outbox {
 public:
  Outbox(Run run, std::uint32_t reader, OutboxLimits limits) noexcept;

  /// A result that is larger than the whole outbox is dropped itself.
  void put(Result result);
  /// Counts a result that is not kept, because the reader has not pulled for long.
  void put_expired() noexcept;
  /// The oldest result, which counts as handed over; only when size() > 0.
  struct Taken {
    ResultRecord record;
    std::shared_ptr<const std::vector<std::byte>> bytes;
  };
  [[nodiscard]] Taken take();
  [[nodiscard]] std::size_t next_size_bytes() const noexcept { return waiting_.front().result.bytes->size(); }

  /// Drops the oldest results until it has no more than so many bytes.
  void shrink(std::size_t size_bytes) noexcept;
  /// Drops the waiting results.
  void expire() noexcept;
  void fence() noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return waiting_.size(); }
  [[nodiscard]] std::size_t size_bytes() const noexcept { return size_bytes_; }
  [[nodiscard]] const OutboxRecord& record() const noexcept { return record_; }

 private:
  struct Waiting {
    std::uint64_t ordinal = 0;
    Result result;
  };
  void pop() noexcept;
  std::uint64_t drop_all() noexcept;

  const OutboxLimits limits_;
  OutboxRecord record_;
  std::deque<Waiting> waiting_;
  std::size_t size_bytes_ = 0;
};

}  // namespace freshframe::fleet
