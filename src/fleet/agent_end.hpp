// An agent's end of the channel to its controller: sends renewals and batches, receives orders, on its own
// thread.
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

#include "fleet/flow.hpp"
#include "fleet/framing.hpp"
#include "fleet/outboxes.hpp"
#include "fleet/runs.hpp"
#include "process/life/orphan_guard.hpp"
#include "process/wire/bytes.hpp"
#include "process/wire/descriptor.hpp"

namespace freshframe::fleet {

struct AgentOptions {
  BootTime renew = std::chrono::milliseconds(500);  // interval between renewals
  OutboxesOptions outboxes;
  BootTime gather = std::chrono::milliseconds(60);  // maximum interval between batches for a reader, see Flow
  BootTime hurry = std::chrono::milliseconds(50);   // interval between renewals after a run has ended
};

/// An order for the agent's program. Its content is opaque here.
using Order = std::vector<std::byte>;

/// Ends the process when the controller's process ends. Thread-safe.
class AgentEnd {
 public:
  /// `parent`: the controller's process, or 0 for none (tests).
  AgentEnd(process::Descriptor socket, int parent, AgentOptions options);
  AgentEnd(const AgentEnd&) = delete;
  AgentEnd& operator=(const AgentEnd&) = delete;
  ~AgentEnd();

  /// Waits at most `timeout`. Returns nullopt if no order has arrived.
  [[nodiscard]] std::optional<Order> next_order(std::chrono::nanoseconds timeout);
  /// Returns true if the controller has closed its end.
  [[nodiscard]] bool has_ended() const;
  /// Sends bytes to the controller's program. Their content is opaque here.
  void tell(std::span<const std::byte> bytes);

  void open_run(Run run);
  /// Includes the pipeline, which has started, in renewals. Destroyed by close_run() at the latest.
  void watch(Run run, std::shared_ptr<const core::PipelineCore> pipeline) {
    runs_.watch(run, std::move(pipeline));
  }
  [[nodiscard]] std::shared_ptr<Outboxes::Stream> open_stream(Run run, const std::string& output) {
    return outboxes_.open(run, output);
  }
  /// Counts a result of an output that has no reader. Returns false if the run is closed.
  [[nodiscard]] bool note(const Outboxes::Stream& stream, TimePoint captured) {
    return runs_.note_result(stream.run(), captured);
  }
  [[nodiscard]] bool put(Outboxes::Stream& stream, TimePoint captured, const Result& result);
  /// Ends a run. Its remaining results can still be pulled.
  void close_run(Run run);

 private:
  void run();
  [[nodiscard]] bool wait(BootTime until);
  [[nodiscard]] bool read_socket();
  void take(std::span<const std::byte> message);
  void serve_pulls(BootTime now);
  void send_renewal(BootTime now);
  [[nodiscard]] BootTime next_time(BootTime now);
  [[nodiscard]] BootTime renewal_due() const;
  [[nodiscard]] bool is_backed_up() const noexcept;
  void wake() const noexcept;
  void end_agent();

  const AgentOptions options_;
  const process::Descriptor socket_;
  const process::Descriptor bell_;
  Runs runs_;
  Outboxes outboxes_;

  std::atomic<std::uint64_t> results_{0};  // number of results so far

  // Used only by the agent's thread.
  Flow flow_;
  MessageReader incoming_;
  MessageQueue outgoing_;
  std::map<std::uint32_t, Outboxes::Pull> pulls_;  // pending pulls, by reader
  std::map<std::uint32_t, BootTime> answered_;     // time of the latest batch, by reader
  BootTime renewed_{};
  std::vector<std::byte> buffer_;

  mutable Mutex mutex_;
  Condition changed_;
  std::deque<Order> orders_ FRESHFRAME_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<const Message>> told_ FRESHFRAME_GUARDED_BY(mutex_);
  bool ended_ FRESHFRAME_GUARDED_BY(mutex_) = false;     // the controller has closed its end
  bool in_hurry_ FRESHFRAME_GUARDED_BY(mutex_) = false;  // the last records of a run should be sent soon
  bool stopping_ FRESHFRAME_GUARDED_BY(mutex_) = false;

  std::optional<process::OrphanGuard> guard_;
  std::thread thread_;  // must be the last member, so that it starts after the others are constructed
};

}  // namespace freshframe::fleet
