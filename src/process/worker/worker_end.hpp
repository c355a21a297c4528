// The worker's side: receives samples in the parent's read-only memory, sends results, and returns leases.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"
#include "freshframe/sample.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "process/life/orphan_guard.hpp"
#include "process/memory/memory_file.hpp"
#include "process/wire/channel.hpp"
#include "process/wire/value.hpp"

namespace freshframe::process {

/// What a worker receives at its start.
struct WorkerInit {
  std::vector<std::byte> payload;
  Descriptor stacks;  // for stack dumps
  std::string node;   // name of this worker's node
};

/// One result of a call: a value, or a frame if the value is of kind kNoValue.
struct WorkerResult {
  EncodedValue value;
  Frame frame;
  std::optional<Stamp> like;  // stamp of the sample that the result belongs to; nullopt for the request's own
};

/// A sample to process. `value` is of kind kNoValue if the sample's value is its frame, or there is none. If
/// `gone` is set, it is not a sample and needs no reply: these sources have ended.
struct WorkerRequest {
  std::uint64_t id = 0;
  Call call = Call::Process;  // for other calls, the sample has only a stamp
  AnySample sample;
  ReceivedValue value;
  std::uint32_t more = 0;  // number of following requests of the same call
  std::vector<GoneSourceName> gone = {};
  std::vector<ArrivalMessage> arrivals = {};  // of on_tick()
};

/// One per worker process. receive() and the replies must be called on one thread. Frames may be released,
/// and log() called, on any thread.
class WorkerEnd {
 public:
  /// A parent of 0 (for tests) creates no guard, so the process outlives its parent.
  WorkerEnd(Descriptor socket, int parent, const PixelOps& ops);
  WorkerEnd(const WorkerEnd&) = delete;
  WorkerEnd& operator=(const WorkerEnd&) = delete;
  ~WorkerEnd();

  void hello(const std::string& version);
  [[nodiscard]] WorkerInit init();
  void report_open();
  /// Waits for a request. Returns false if interrupted by a signal: `request` is unchanged, call again. Sets
  /// `ended` at the end of the stream.
  [[nodiscard]] bool receive(WorkerRequest& request);
  [[nodiscard]] bool has_ended() const noexcept { return ended_; }
  /// Returns true if a call threw because the parent process has ended.
  [[nodiscard]] bool parent_ended() const noexcept { return parent_ended_; }

  /// The nodes that requests have referred to for the first time since the last call.
  [[nodiscard]] std::vector<NodeMessage> take_new_nodes() noexcept { return std::exchange(new_nodes_, {}); }

  /// Answers the oldest request with all results of the call, at most kMostResultsOfCall. Throws Error if
  /// there is no open request. The request's own frame is returned by reference; others are copied.
  void reply_all(std::span<const WorkerResult> results);
  /// What failed: open() or close() (Outside), the oldest request, or all requests of the call.
  enum class Failed : std::uint8_t { Outside, Request, Call };
  /// An exception that the node raised.
  struct Raised {
    std::string text;
    std::string traceback = {};
    EncodedValue error = {};  // the exception object, if it can be sent
    bool is_device_error = false;
  };
  void fail(Failed what, const Raised& raised);
  void report_closed();
  /// Never blocks. Returns false if the record was dropped.
  [[nodiscard]] bool log(int level, const std::string& logger, const std::string& text);

 private:
  class Leases;

  [[nodiscard]] bool next(bool& any);
  void handle(WorkerRequest* request, bool& got);
  void map_slab(const SlabMessage& message);
  void take_memory(const MemoryMessage& message);
  [[nodiscard]] Frame wrap_frame(const RequestMessage& message);
  [[nodiscard]] Picture view_picture(const PictureMessage& message) const;
  [[nodiscard]] ReceivedValue view_value(const ValueMessage& message) const;
  /// Makes room for `bytes` in the result memory, and waits until the parent has read its contents. Throws
  /// Error with the parent's reason.
  void need(std::uint64_t bytes);
  void send(const ByteWriter& message);
  [[noreturn]] void throw_parent_ended();
  /// Describes one result, whose bytes in the result memory begin at `end`. Advances `end`.
  [[nodiscard]] ReplyMessage describe(const WorkerResult& result, std::uint64_t& end);
  /// Copies a result to the result memory.
  void put_shared(const ReplyMessage& message, const WorkerResult& result);
  /// Removes the oldest request. Returns the leases to send with its reply.
  std::vector<std::uint64_t> end_request();

  std::shared_ptr<Leases> leases_;
  const PixelOps& ops_;
  std::map<std::uint32_t, std::shared_ptr<const Mapping>> slabs_;
  Mapping results_;
  std::string refused_;          // the parent's reason for refusing memory
  bool answered_ = false;        // whether the parent has answered the request for memory
  bool results_unread_ = false;  // whether a result of this call is in the result memory
  struct Pending {
    std::uint64_t id = 0;
    Frame input;
    std::vector<PixelFormat> sent;  // formats in which the frame was sent
  };
  /// Throws Error if there is no open request.
  Pending& first_pending();
  std::vector<NodeMessage> new_nodes_;
  std::vector<GoneSourceName> gone_;  // ended sources that the node has not been notified of
  std::deque<Pending> pending_;       // requests without a reply
  bool ended_ = false;
  bool parent_ended_ = false;
  std::optional<OrphanGuard> guard_;
};

}  // namespace freshframe::process
