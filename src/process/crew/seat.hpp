// A place in a crew: its present worker process, with the process's samples and leases.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/node.hpp"
#include "freshframe/sample.hpp"
#include "freshframe/stats.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/pipeline/runner/name_table.hpp"
#include "process/crew/options.hpp"
#include "process/crew/restarts.hpp"
#include "process/life/child.hpp"
#include "process/memory/slab_pool.hpp"
#include "process/wire/channel.hpp"
#include "process/wire/messages.hpp"
#include "process/wire/value.hpp"

namespace freshframe::process {

/// A sample with a worker.
struct Job {
  AnySample sample;
  std::uint64_t ticket = 0;  // its place in the order
  std::uint64_t id = 0;
  std::uint64_t lease = 0;
  TimePoint taken{};
  Seconds gathered{};
  TimePoint sent{};
  std::unique_ptr<std::uint8_t, std::function<void(std::uint8_t*)>> slot = {};  // slot of a large value
  Call call = Call::Process;          // for another call the sample stands for the tick, or for the end
  std::vector<Emitted> results = {};  // results that came, while more of the call follow
  std::exception_ptr refused = {};    // why one of its results cannot be taken
  std::optional<std::uint32_t> more = {};
};

/// Used by the control thread. All resources of a process end with it: its socket, its leases, its memory for
/// results. So no message of a dead worker can be mistaken for its successor's.
class Seat {
 public:
  Seat(std::size_t number, const Recipe& recipe, const CrewOptions& options);
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;

  // ---- the process
  /// Starts it and sends it its task. `payload` is the recipe's payload as a file, `node` is the name of its node.
  /// Throws Error.
  void start(int payload, const std::string& node);
  /// The way in which the process ended, once; nullopt means it runs, or does not exist.
  std::optional<ChildEnd> reap() noexcept { return child_.reap(); }
  /// Frees everything after the end of the process, except the job.
  void clear();
  /// Kills it: its messages from now on are ignored. `why` is reported when it has ended.
  void kill(TimePoint now, std::string why);
  /// Lets it close: it reads the end of the stream.
  void let_close(TimePoint now);
  /// Gives up a process that survived its kill.
  void abandon();

  // ---- messages
  /// Full: the socket takes no message now. Gone: the worker is about to end.
  [[nodiscard]] Channel::Sent send(const ByteWriter& message, std::span<const int> descriptors = {});
  /// Sends a message that the worker waits for: kills the worker if its socket does not take it.
  void must_send(const ByteWriter& message, std::span<const int> descriptors = {});
  [[nodiscard]] Channel::Sent announce(const std::vector<std::shared_ptr<const Slab>>& slabs);
  /// Sends a node's name, unless the worker has it.
  [[nodiscard]] Channel::Sent announce(int number, const core::NameTable& names);
  /// Sends the sources that are `gone`. Only while it reads: sources that do not fit into its socket follow later.
  [[nodiscard]] Channel::Sent announce_gone_sources();
  /// Sends which of its slabs have been released. Only while it reads: numbers that do not fit into its socket follow
  /// later.
  void announce_gone(const SlabPool& pool);
  /// Answers a worker that wants to send a result: with memory for it, or with the reason why not. Throws
  /// ProtocolError.
  void give_memory(const NeedMessage& needed);
  /// A value that the worker has sent.
  [[nodiscard]] ReceivedValue receive(const ValueMessage& message) const;
  /// Throws ProtocolError when the result memory is smaller.
  void check_results(std::uint64_t offset, std::uint64_t bytes) const;
  /// Bytes of the result memory; throws ProtocolError when it is smaller.
  void read_results(std::uint64_t offset, std::span<std::byte> into) const;

  // ---- leases
  /// The job's picture is no longer the worker's input, but the worker may still hold it.
  void lend(std::uint64_t lease, Frame loan) { leases_.insert_or_assign(lease, std::move(loan)); }
  /// Throws ProtocolError for a lease that the worker does not have, either from earlier or as the picture of
  /// one of its first `answered` jobs.
  void check_held(std::span<const std::uint64_t> leases, std::size_t answered) const;
  /// Releases the leases of a result that is not from earlier.
  void release(std::span<const std::uint64_t> leases);

  // ---- dumps of stacks
  /// Before it is killed. `why`: what it is killed for.
  void ask_for_dump(TimePoint now, std::string why);
  /// The worker's output; empty means none yet.
  [[nodiscard]] std::string dump() const;

  [[nodiscard]] WorkerStats stats() const;
  [[nodiscard]] const Child& child() const noexcept { return child_; }
  [[nodiscard]] Channel* channel() noexcept { return channel_ ? &*channel_ : nullptr; }
  [[nodiscard]] std::size_t number() const noexcept { return number_; }
  [[nodiscard]] std::uint64_t memory_limit() const noexcept;

  WorkerState state = WorkerState::Resting;
  std::deque<Job> jobs;   // jobs without a result of the call that it works on; the first one's is next
  std::size_t given = 0;  // samples of that call
  BackOff back_off;
  TimePoint start_at{};                      // Resting
  std::optional<TimePoint> dump_until = {};  // its stacks are being dumped
  std::optional<TimePoint> kill_at = {};     // unless it has ended by then
  std::optional<TimePoint> killed_at = {};
  std::optional<TimePoint> closing_since = {};
  std::string fault;     // why it was killed
  std::string too_late;  // why it will be
  std::string last_dump;
  bool stream_ended = false;
  bool has_opened = false;  // so it owes a close()
  bool closed = false;      // it has announced its end
  bool cut_off = false;     // killed because the time for a stop was over
  std::uint64_t samples = 0;
  std::uint64_t starts = 0;
  std::set<int> known = {};              // numbers of nodes whose names the worker has
  bool told_gone = false;                // the source_gone() of any node may fail outside a call
  std::deque<GoneSourceName> gone = {};  // ended sources that have not been sent to it

 private:
  /// Makes a larger file for results. Returns why it cannot, or nothing.
  std::string grow_results(std::uint64_t bytes);

  const std::size_t number_;
  const Recipe& recipe_;
  const CrewOptions& options_;
  Child child_;
  std::optional<Channel> channel_;
  std::set<std::uint32_t> slabs_;       // slabs that the worker has mapped
  std::uint64_t slabs_generation_ = 0;  // generation of the pool, at the last message about released slabs
  std::map<std::uint64_t, Frame> leases_;
  Descriptor results_;
  std::uint64_t results_size_ = 0;  // size of the file, which the worker may have failed to map
  Descriptor dump_;
};

}  // namespace freshframe::process
