// A seat holds one worker process at a time, with the process's samples and leases. A restart fills it again.
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

/// A sample sent to a worker.
struct Job {
  AnySample sample;
  std::uint64_t ticket = 0;  // the sample's position in the order of results
  std::uint64_t id = 0;
  std::uint64_t lease = 0;
  TimePoint taken{};
  Seconds gathered{};
  TimePoint sent{};
  // shared memory of a large value
  std::unique_ptr<std::uint8_t, std::function<void(std::uint8_t*)>> slot = {};
  Call call = Call::Process;          // for other calls, the sample carries the tick or the end
  std::vector<Emitted> results = {};  // results received so far, while more of the call will follow
  std::exception_ptr refused = {};    // why one of its results was refused
  std::optional<std::uint32_t> more = {};
};

/// Used by the control thread. All resources of a process (socket, leases, memory for results) end with it,
/// so a message of a dead worker cannot be mistaken for one of its successor.
class Seat {
 public:
  Seat(std::size_t number, const Recipe& recipe, const CrewOptions& options);
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;

  // ---- the process

  /// Starts the process and sends its task. `payload` is a file with the recipe's payload, `node` is the
  /// node's name. Throws Error.
  void start(int payload, const std::string& node);
  /// Returns how the process ended, once; nullopt while it runs or if there is none.
  std::optional<ChildEnd> reap() noexcept { return child_.reap(); }
  /// Frees everything except the jobs, after the end of the process.
  void clear();
  /// Kills the process and ignores its messages from now on. `why` is reported when it has ended.
  void kill(TimePoint now, std::string why);
  /// Ends the worker's input, so that the worker closes.
  void let_close(TimePoint now);
  /// Gives up on a process that has survived SIGKILL.
  void abandon();

  // ---- messages

  /// Returns Full if the socket cannot take a message now, Gone if the worker is about to end.
  [[nodiscard]] Channel::Sent send(const ByteWriter& message, std::span<const int> descriptors = {});
  /// Sends a message that the worker waits for. Kills the worker if its socket is full.
  void must_send(const ByteWriter& message, std::span<const int> descriptors = {});
  [[nodiscard]] Channel::Sent announce(const std::vector<std::shared_ptr<const Slab>>& slabs);
  /// Sends a node's name, unless the worker already has it.
  [[nodiscard]] Channel::Sent announce(int number, const core::NameTable& names);
  /// Sends the sources in `gone` until the socket is full. The rest is sent later.
  [[nodiscard]] Channel::Sent announce_gone_sources();
  /// Sends the numbers of slabs that the worker has mapped and the pool has released, until the socket is
  /// full. The rest is sent later.
  void announce_gone(const SlabPool& pool);
  /// Answers a worker that needs memory for a result, with memory or with the reason for refusing it. Throws
  /// ProtocolError.
  void give_memory(const NeedMessage& needed);
  /// Receives a value sent by the worker.
  [[nodiscard]] ReceivedValue receive(const ValueMessage& message) const;
  /// Throws ProtocolError if the range is outside of the result memory.
  void check_results(std::uint64_t offset, std::uint64_t bytes) const;
  /// Reads from the result memory. Throws ProtocolError if the range is outside of it.
  void read_results(std::uint64_t offset, std::span<std::byte> into) const;

  // ---- leases

  /// Moves the job's frame from the worker's input to the leases, because the worker may still hold it.
  void lend(std::uint64_t lease, Frame loan) { leases_.insert_or_assign(lease, std::move(loan)); }
  /// Throws ProtocolError unless the worker holds each lease, either from earlier or as the frame of one of
  /// its first `answered` jobs.
  void check_held(std::span<const std::uint64_t> leases, std::size_t answered) const;
  /// Releases leases from earlier calls. Throws ProtocolError for one that the worker does not have.
  void release(std::span<const std::uint64_t> leases);

  // ---- dumps of stacks

  /// Requests a stack dump before the worker is killed. `why`: reason for the kill.
  void ask_for_dump(TimePoint now, std::string why);
  /// The worker's dump; empty if there is none yet.
  [[nodiscard]] std::string dump() const;

  [[nodiscard]] WorkerStats stats() const;
  [[nodiscard]] const Child& child() const noexcept { return child_; }
  [[nodiscard]] Channel* channel() noexcept { return channel_ ? &*channel_ : nullptr; }
  [[nodiscard]] std::size_t number() const noexcept { return number_; }
  [[nodiscard]] std::uint64_t memory_limit() const noexcept;

  WorkerState state = WorkerState::Resting;
  std::deque<Job> jobs;   // jobs whose result is outstanding, the first one next
  std::size_t given = 0;  // samples of the current call
  BackOff back_off;
  TimePoint start_at{};                      // time of the restart, while Resting
  std::optional<TimePoint> dump_until = {};  // deadline of the stack dump in progress
  std::optional<TimePoint> kill_at = {};     // when to kill the process, unless it has ended
  std::optional<TimePoint> killed_at = {};
  std::optional<TimePoint> closing_since = {};
  std::string fault;     // reason why the process was killed
  std::string too_late;  // reason why the process will be killed
  std::string last_dump;
  bool stream_ended = false;
  bool has_opened = false;  // the worker has opened, so close() must be called
  bool closed = false;      // the worker has sent its ClosedMessage
  bool cut_off = false;     // whether it was killed because the timeout of the stop expired
  std::uint64_t samples = 0;
  std::uint64_t starts = 0;
  std::set<int> known = {};  // numbers of nodes whose names the worker has
  bool told_gone = false;    // the worker knows of ended sources, so source_gone() may fail outside of a call
  std::deque<GoneSourceName> gone = {};  // ended sources that the worker has not been told of

 private:
  /// Creates a larger file for results. Returns an error message, or an empty string.
  std::string grow_results(std::uint64_t bytes);

  const std::size_t number_;
  const Recipe& recipe_;
  const CrewOptions& options_;
  Child child_;
  std::optional<Channel> channel_;
  std::set<std::uint32_t> slabs_;       // slabs mapped by the worker
  std::uint64_t slabs_generation_ = 0;  // generation of the pool when released slabs were last sent
  std::map<std::uint64_t, Frame> leases_;
  Descriptor results_;
  std::uint64_t results_size_ = 0;  // size of the file for results, which the worker may have failed to map
  Descriptor dump_;
};

}  // namespace freshframe::process
