// An agent's end of the channel to its controller: renewals, the lease, batches and orders, on its own thread.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fleet/framing.hpp"
#include "fleet/lease.hpp"
#include "fleet/outboxes.hpp"
#include "fleet/runs.hpp"
#include "process/life/orphan_guard.hpp"
#include "process/wire/bytes.hpp"
#include "process/wire/descriptor.hpp"

namespace freshframe::fleet {

struct AgentOptions {
  LeaseTimes lease;
  OutboxesOptions outboxes;
  BootTime gather = std::chrono::milliseconds(60);  // between two batches of one reader, at most: see Flow
  BootTime hurry = std::chrono::milliseconds(50);   // between two renewals when a run has ended
};

/// An order for the agent's program.
struct Order {
  enum class Kind : std::uint8_t { Bytes, Revoked };
  Kind kind = Kind::Bytes;
  Run run;                       // run of a Revoked
  std::vector<std::byte> bytes;  // body of a Bytes
};

/// Ends the process when the controller's process has ended, and when the lease is over while a session at an
/// exclusive camera is open. Any thread.
class AgentEnd {
 public:
  /// `parent`: its process; 0 to watch no process (tests).
  AgentEnd(process::Descriptor socket, int parent, AgentOptions options);
  AgentEnd(const AgentEnd&) = delete;
  AgentEnd& operator=(const AgentEnd&) = delete;
  ~AgentEnd();

  /// Waits for `timeout` at most; nothing: no order has arrived.
  [[nodiscard]] std::optional<Order> next_order(std::chrono::nanoseconds timeout);
  /// The controller has closed its end.
  [[nodiscard]] bool has_ended() const;
  /// Sends bytes to the controller's program, which only the two programs interpret.
  void tell(std::span<const std::byte> bytes);

  void open_run(Run run, bool exclusive);
  /// Renewals report what its pipeline does, which has started. At the latest, close_run() destroys it.
  void watch(Run run, std::shared_ptr<const core::PipelineCore> pipeline) {
    runs_.watch(run, std::move(pipeline));
  }
  [[nodiscard]] std::shared_ptr<core::SessionGate> gate(Run run) const { return runs_.gate(run); }
  [[nodiscard]] std::shared_ptr<Outboxes::Stream> open_stream(Run run, const std::string& output) {
    return outboxes_.open(run, output);
  }
  /// Counts a result of an output without a reader. False means it was captured after the lease's end.
  [[nodiscard]] bool note(const Outboxes::Stream& stream, TimePoint captured) {
    return runs_.note_result(stream.run(), captured);
  }
  [[nodiscard]] bool put(Outboxes::Stream& stream, TimePoint captured, const Result& result);
  /// The run has ended: its results can still be pulled. False means a session is open still; to be called
  /// again.
  bool close_run(Run run);

 private:
  void run();
  [[nodiscard]] bool wait(BootTime until);
  [[nodiscard]] bool read_socket();
  void take(std::span<const std::byte> message);
  void take_answer(process::ByteReader& reader);
  void serve_pulls(BootTime now);
  void send_renewal(BootTime now);
  void check_lease(BootTime now) const;
  [[nodiscard]] BootTime next_time(BootTime now);
  [[nodiscard]] BootTime renewal_due() const;
  [[nodiscard]] bool is_backed_up() const noexcept;
  [[nodiscard]] bool read_term(process::ByteReader& reader);
  void wake() const noexcept;
  void end_agent();

  const AgentOptions options_;
  const process::Descriptor socket_;
  const process::Descriptor bell_;
  const std::shared_ptr<Lease> lease_;
  Runs runs_;
  Outboxes outboxes_;

  std::atomic<std::uint64_t> results_{0};  // results that were put

  // The thread's own.
  Flow flow_;
  MessageReader incoming_;
  MessageQueue outgoing_;
  std::map<std::uint32_t, Outboxes::Pull> pulls_;  // those without an answer, by reader
  std::map<std::uint32_t, BootTime> answered_;     // when the reader got its latest batch
  BootTime renewed_{};
  std::uint64_t term_ = 0;
  std::vector<std::byte> buffer_;

  mutable Mutex mutex_;
  Condition changed_;
  std::deque<Order> orders_ FRESHFRAME_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<const Message>> told_ FRESHFRAME_GUARDED_BY(mutex_);
  bool ended_ FRESHFRAME_GUARDED_BY(mutex_) = false;     // the controller has ended
  bool in_hurry_ FRESHFRAME_GUARDED_BY(mutex_) = false;  // the last records of a run must be sent soon
  bool stopping_ FRESHFRAME_GUARDED_BY(mutex_) = false;

  std::optional<process::OrphanGuard> guard_;
  std::thread thread_;  // last
};

}  // namespace freshframe::fleet
