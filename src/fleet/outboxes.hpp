// All outboxes of an agent, by reader and by run of a camera.
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

  /// Drops the oldest results until it has at most `size_bytes`.
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

struct OutboxesOptions {
  OutboxLimits limits = {};                          // limits of each outbox
  std::size_t size_bytes = 256U << 20;               // size of all outboxes
  BootTime expire_after = std::chrono::seconds(60);  // without a pull of the reader
};

/// Node threads put, the agent's thread pulls. Thread-safe.
class Outboxes {
 public:
  /// One output of one run of a camera.
  class Stream {
   public:
    explicit Stream(Run run, std::string output) : run_(run), output_(std::move(output)) {}
    [[nodiscard]] Run run() const noexcept { return run_; }
    /// Whether any reader wants its results.
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
    std::uint64_t batch = 0;  // acknowledges the one before it; the same number again repeats a batch
    std::uint32_t most_results = 0;
    std::uint32_t most_bytes = 0;
  };

  explicit Outboxes(OutboxesOptions options) noexcept : options_(options) {}

  [[nodiscard]] std::shared_ptr<Stream> open(Run run, const std::string& output);
  /// A full outbox drops its oldest result. True means a reader waits for this one.
  bool put(Stream& stream, const Result& result);
  /// No more results are added. The waiting ones can be pulled until forget().
  void close(Run run);
  /// Drops the waiting results of a run, as fenced. The next records() has its last records.
  void forget(Run run);

  void add_reader(std::uint32_t reader, const std::string& output, BootTime now);
  void remove_reader(std::uint32_t reader);
  /// Whether a pull would return results now.
  [[nodiscard]] bool has(std::uint32_t reader) const;
  /// A Batch message; null means there is nothing yet, or no such reader.
  [[nodiscard]] std::shared_ptr<const Message> pull(const Pull& pull, BootTime now);
  /// Drops the results for readers that have not pulled for long.
  void expire(BootTime now);
  struct Records {
    std::vector<OutboxRecord> last;  // records of outboxes that were removed since the last call
    std::vector<OutboxRecord> now;
  };
  [[nodiscard]] Records records();

 private:
  struct Reader {
    std::string output;
    BootTime pulled{};
    bool expired = false;
    std::vector<std::shared_ptr<Outbox>> all;
    std::deque<std::shared_ptr<Outbox>> ready;  // each reader with results, once
    std::uint64_t batch = 0;                    // number of `sent`
    std::shared_ptr<const Message> sent;        // until the next pull acknowledges it
  };

  /// Drops the oldest results of the fattest outboxes, since all of them together have too many bytes.
  void shrink_locked() FRESHFRAME_REQUIRES(mutex_);
  void join_locked(Stream& stream, std::uint32_t number, Reader& reader) FRESHFRAME_REQUIRES(mutex_);
  [[nodiscard]] std::shared_ptr<const Message> make_batch_locked(Reader& reader, const Pull& pull)
      FRESHFRAME_REQUIRES(mutex_);

  const OutboxesOptions options_;
  mutable Mutex mutex_;
  std::map<std::uint32_t, Reader> readers_ FRESHFRAME_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<Stream>> streams_ FRESHFRAME_GUARDED_BY(mutex_);
  std::size_t size_bytes_ FRESHFRAME_GUARDED_BY(mutex_) = 0;              // size of all outboxes
  std::vector<OutboxRecord> last_records_ FRESHFRAME_GUARDED_BY(mutex_);  // records of removed outboxes
};

}  // namespace freshframe::fleet
