// All outboxes of an agent, by reader and camera run.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fleet/flow.hpp"
#include "fleet/framing.hpp"
#include "fleet/records.hpp"

namespace freshframe::fleet {

struct Result {
  std::int64_t seq = 0;
  std::int64_t part = 0;
  double pts = 0;
  double time = 0;
  std::shared_ptr<const std::vector<std::byte>> bytes;  // shared between the outboxes of several readers
};

struct OutboxLimits {
  std::size_t results = 1000;
  std::size_t size_bytes = 8U << 20;
};

/// Bounded: the oldest results are dropped. Not thread-safe.
class Outbox {
 public:
  Outbox(Run run, std::uint32_t reader, OutboxLimits limits) noexcept;

  /// Adds a result. If it is larger than the whole outbox, it is dropped.
  void put(Result result);
  /// Counts a result that is not stored because the reader has not pulled for too long.
  void put_expired() noexcept;
  /// The oldest result, which then counts as handed over. size() must be greater than 0.
  struct Taken {
    ResultRecord record;
    std::shared_ptr<const std::vector<std::byte>> bytes;
  };
  [[nodiscard]] Taken take();
  [[nodiscard]] std::size_t next_size_bytes() const noexcept { return waiting_.front().result.bytes->size(); }

  /// Drops the oldest results until at most `size_bytes` are left.
  void shrink(std::size_t size_bytes) noexcept;
  /// Drops all waiting results.
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

struct OutboxesOptions {
  OutboxLimits limits = {};                          // limits per outbox
  std::size_t size_bytes = 256U << 20;               // total size of all outboxes
  BootTime expire_after = std::chrono::seconds(60);  // time after the reader's last pull
};

/// Nodes' threads add results, the agent's thread pulls them. Thread-safe.
class Outboxes {
 public:
  /// One output of a camera run.
  class Stream {
   public:
    explicit Stream(Run run, std::string output) : run_(run), output_(std::move(output)) {}
    [[nodiscard]] Run run() const noexcept { return run_; }
    /// Returns true if any reader wants its results.
    [[nodiscard]] bool is_wanted() const noexcept { return wanted_.load(std::memory_order_relaxed); }

   private:
    friend class Outboxes;
    const Run run_;
    const std::string output_;
    std::vector<std::shared_ptr<Outbox>> outboxes_;  // guarded by Outboxes::mutex_
    std::atomic<bool> wanted_{false};
  };

  struct Pull {
    std::uint32_t reader = 0;
    std::uint32_t most_results = 0;
    std::uint32_t most_bytes = 0;
  };

  explicit Outboxes(OutboxesOptions options) noexcept : options_(options) {}

  [[nodiscard]] std::shared_ptr<Stream> open(Run run, const std::string& output);
  /// A full outbox drops its oldest result. Returns true if a reader is waiting for this one.
  bool put(Stream& stream, const Result& result);
  /// No more results will be added. The remaining ones can be pulled until forget().
  void close(Run run);
  /// Drops the run's waiting results as fenced. The next records() includes its last records.
  void forget(Run run);

  void add_reader(std::uint32_t reader, const std::string& output, BootTime now);
  void remove_reader(std::uint32_t reader);
  /// Returns true if a pull would return results now.
  [[nodiscard]] bool has(std::uint32_t reader) const;
  /// Returns a Batch message, or null if there are no results or the reader is unknown.
  [[nodiscard]] std::shared_ptr<const Message> pull(const Pull& pull, BootTime now);
  /// Drops the results for readers that have not pulled for too long.
  void expire(BootTime now);
  struct Records {
    std::vector<OutboxRecord> last;  // records of outboxes removed since the last call
    std::vector<OutboxRecord> now;
  };
  [[nodiscard]] Records records();

 private:
  struct Reader {
    std::string output;
    BootTime pulled{};
    bool expired = false;
    std::vector<std::shared_ptr<Outbox>> all;
    std::deque<std::shared_ptr<Outbox>> ready;  // outboxes with results, each once
  };

  /// Drops the oldest results of the largest outboxes, because the total size exceeds the limit.
  void shrink_locked() FRESHFRAME_REQUIRES(mutex_);
  void join_locked(Stream& stream, std::uint32_t number, Reader& reader) FRESHFRAME_REQUIRES(mutex_);
  [[nodiscard]] std::shared_ptr<const Message> make_batch_locked(Reader& reader, const Pull& pull)
      FRESHFRAME_REQUIRES(mutex_);

  const OutboxesOptions options_;
  mutable Mutex mutex_;
  std::map<std::uint32_t, Reader> readers_ FRESHFRAME_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<Stream>> streams_ FRESHFRAME_GUARDED_BY(mutex_);
  std::size_t size_bytes_ FRESHFRAME_GUARDED_BY(mutex_) = 0;              // total size of all outboxes
  std::vector<OutboxRecord> last_records_ FRESHFRAME_GUARDED_BY(mutex_);  // records of removed outboxes
};

}  // namespace freshframe::fleet
