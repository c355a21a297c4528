// The control thread of a node in worker processes: starts and stops them, sends samples, receives results.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/sample.hpp"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/runner/runner.hpp"
#include "core/pipeline/views/arrivals.hpp"
#include "process/crew/embedder.hpp"
#include "process/crew/emitter.hpp"
#include "process/crew/options.hpp"
#include "process/crew/process_node.hpp"
#include "process/crew/restarts.hpp"
#include "process/crew/seat.hpp"
#include "process/memory/slab_pool.hpp"
#include "process/wire/messages.hpp"
#include "process/wire/value.hpp"

namespace freshframe::process {

// Note [The control thread]
// The control thread waits in a single poll() for the workers' sockets, their exits, and a bell that is rung
// by the inbox, the emitter and a stop. It must never block on a worker or an edge, because a worker that
// hangs would block the others. It starts the workers and must outlive them, because the kernel signals them
// when the thread that started them ends.

/// run() covers the whole lifetime of the node's workers. The node of `runner` must be a ProcessNode.
class Crew {
 public:
  Crew(core::PipelineCore& core, core::Runner& runner, Embedder& embedder);
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// Opens the node, processes until its input ends, closes it. Reports to the pipeline like any other node.
  void run();

 private:
  struct LastState;
  struct Death;

  // ---- the loop
  void open();
  void step();
  void poll_all();
  void on_tick(TimePoint now);
  /// Starts or kills the seat's worker when it is due.
  void tend(Seat& seat, TimePoint time, bool stop_is_over);
  [[nodiscard]] TimePoint next_time(TimePoint now) const;
  [[nodiscard]] bool all_ended() const;
  void begin_end();
  void show(Seat& seat);

  // ---- life of workers
  void start(Seat& seat);
  void bury(Seat& seat, const ChildEnd& end);
  /// Handles the end of a worker that is not restarted: counts its death if it was working, and reports it.
  void count_and_report_end(const LastState& was, const Death& death);
  void count_death(Seat& seat, const Death& death);
  /// Fails the whole node, so that the pipeline stops. `lost`: samples of a call that got no answer.
  void fail_all(const std::string& text, std::span<const AnySample> lost = {});

  // ---- samples
  void take_samples();
  core::Taken take(std::vector<AnySample>& samples);
  core::Taken take_now(std::vector<AnySample>& samples);
  void tell_gone(int source);
  /// Maximum number of samples per call.
  [[nodiscard]] std::size_t most_given() const;
  [[nodiscard]] Seat* idle_seat();
  void give(Seat& seat, std::vector<AnySample> samples, Call call = Call::Process);
  /// Calls on_tick() if it is due. Returns true if the call was sent to the seat.
  [[nodiscard]] bool give_tick(Seat& seat);
  /// Called after the last sample, to call finish(). Returns false if that has to wait for the worker, or is
  /// in progress.
  [[nodiscard]] bool call_finish();
  /// A job, and the message that sends it to a worker.
  struct Parcel {
    RequestMessage message;
    std::vector<std::byte> inline_value;  // the value that `message` refers to
    std::vector<std::shared_ptr<const Slab>> slabs;
  };
  Parcel pack(Job& job, std::size_t most_inline);
  void send(Seat& seat, std::vector<Parcel> parcels);
  [[nodiscard]] ValueMessage place_value(Job& job, EncodedValue& encoded,
                                         std::vector<std::shared_ptr<const Slab>>& slabs,
                                         std::size_t most_inline) const;
  void fail_sample(std::exception_ptr error, const std::string& text, const AnySample& sample,
                   const std::string& traceback = {}, Call call = Call::Process);
  /// Returns the samples whose results are missing, in the order of the call.
  [[nodiscard]] std::vector<AnySample> drop_jobs(Seat& seat, NodeDropCause cause);

  // ---- messages
  void read(Seat& seat);
  void handle(Seat& seat, std::span<const std::byte> bytes);
  void take_open(Seat& seat);
  void reply(Seat& seat, const ReplyMessage& message);
  void take_failure(Seat& seat, const FailedMessage& message);
  void take_outside_failure(Seat& seat, const FailedMessage& message);
  /// Returns false if more results of the call will follow.
  [[nodiscard]] bool keep_result(const Seat& seat, Job& job, const ReplyMessage& message);
  [[nodiscard]] std::optional<Emitted> make_output(const Seat& seat, const ReplyMessage& message);
  void check_demand(const Emitted& output) const;
  void refuse(const std::exception_ptr& error, const AnySample& from);
  void fail_call(Seat& seat, const FailedMessage& message, const std::exception_ptr& error);
  /// Ends the first job of the seat.
  void end_job(Seat& seat, std::span<const std::uint64_t> released);
  void after_job(Seat& seat);

  core::PipelineCore& core_;
  core::Runner& runner_;
  ProcessNode& node_;
  core::Arrivals arrivals_;
  Embedder& embedder_;
  const CrewOptions& options_;
  const std::shared_ptr<Bell> bell_ = std::make_shared<Bell>();
  Descriptor payload_;
  std::vector<std::unique_ptr<Seat>> seats_;
  Emitter emitter_;
  Deaths deaths_;
  std::size_t opened_ = 0;  // seats whose worker has opened at least once
  bool opening_ = true;     // start() is waiting
  bool failed_ = false;
  bool input_ended_ = false;
  bool finish_given_ = false;
  bool gave_tick_ = false;  // whether the last call was on_tick()
  bool ending_ = false;     // the input has ended: idle workers close
  std::optional<TimePoint> stop_seen_;
  TimePoint tidied_{};
  std::size_t oom_kills_ = 0;
  std::uint64_t next_id_ = 0;
  bool armed_ = false;
  int extended_by_ = 0;                    // frames by which the pipeline's limit was raised
  std::optional<TimePoint> gather_until_;  // deadline of the batch being gathered
};

}  // namespace freshframe::process
