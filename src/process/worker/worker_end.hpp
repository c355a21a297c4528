// The worker's end: samples over read-only memory of the parent, results back, leases.
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

/// The data that a worker gets at its start.
struct WorkerInit {
  std::vector<std::byte> payload;
  Descriptor stacks;  // for dumps of stacks
  std::string node;   // the name of this worker's node
};

/// One result of a call: a value, or a frame where the value is of kind kNoValue.
struct WorkerResult {
  EncodedValue value;
  Frame frame;
  std::optional<Stamp> like;  // stamp of the sample that it belongs to; empty means the request's
};

/// A sample to process. `value` is of kind kNoValue when the sample's value is its frame, or it has none. With `gone`
/// it is not a sample, and has no answer: these sources have ended.
struct WorkerRequest {
  std::uint64_t id = 0;
  Call call = Call::Process;  // for another call the sample has a stamp only
  AnySample sample;
  ReceivedValue value;
  std::uint32_t more = 0;  // requests of the same call, which follow
  std::vector<GoneSourceName> gone = {};
};

/// One per worker process. receive() and the answers come from one thread; frames may be dropped, and log()
/// called, by any.
class WorkerEnd {
 public:
  /// Makes no guard with parent 0 (for tests): the process outlives its parent.
  WorkerEnd(Descriptor socket, int parent, const PixelOps& ops);
  WorkerEnd(const WorkerEnd&) = delete;
  WorkerEnd& operator=(const WorkerEnd&) = delete;
  ~WorkerEnd();

  void hello(const std::string& version);
  [[nodiscard]] WorkerInit init();
  void report_open();
  /// Waits. False means interrupted by a signal, call again; `request` is unchanged. An ended stream sets
  /// `ended`.
  [[nodiscard]] bool receive(WorkerRequest& request);
  [[nodiscard]] bool has_ended() const noexcept { return ended_; }
  /// A call threw because the parent process has ended.
  [[nodiscard]] bool parent_ended() const noexcept { return parent_ended_; }

  /// The nodes that samples named first since the last call.
  [[nodiscard]] std::vector<NodeMessage> take_new_nodes() noexcept { return std::exchange(new_nodes_, {}); }

  /// Answers the first request without an answer with all results of the call, at most kMostResultsOfCall;
  /// throws Error when all have one. The request's own frame is returned by reference, another one is copied.
  void reply_all(std::span<const WorkerResult> results);
  /// The call that failed: open() or close(), the node on the first request without an answer, or on all of
  /// them.
  enum class Failed : std::uint8_t { Outside, Request, Call };
  /// An exception of the node.
  struct Raised {
    std::string text;
    std::string traceback = {};
    EncodedValue error = {};  // the exception itself, if it can be sent
    bool is_device_error = false;
  };
  void fail(Failed what, const Raised& raised);
  void report_closed();
  /// Never waits; false means dropped.
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
  /// Makes room for `bytes` in the result memory, and waits until the parent has read its content; throws
  /// Error with the parent's reason.
  void need(std::uint64_t bytes);
  void send(const ByteWriter& message);
  [[noreturn]] void throw_parent_ended();
  /// The message for one result, whose bytes in the result memory begin at `end`, which moves to their end.
  [[nodiscard]] ReplyMessage describe(const WorkerResult& result, std::uint64_t& end);
  /// Copies a result to its place in the result memory.
  void put_shared(const ReplyMessage& message, const WorkerResult& result);
  /// Drops the first request. Returns the leases for its answer.
  std::vector<std::uint64_t> end_request();

  std::shared_ptr<Leases> leases_;
  const PixelOps& ops_;
  std::map<std::uint32_t, std::shared_ptr<const Mapping>> slabs_;
  Mapping results_;
  std::string refused_;          // the parent's reason for no memory
  bool answered_ = false;        // the parent, about memory
  bool results_unread_ = false;  // a result of this call was put there
  struct Pending {
    std::uint64_t id = 0;
    Frame input;
    std::vector<PixelFormat> sent;  // the formats in which it was sent
  };
  /// Throws Error if no request waits.
  Pending& first_pending();
  std::vector<NodeMessage> new_nodes_;
  std::vector<GoneSourceName> gone_;  // sources, which the node has not been told
  std::deque<Pending> pending_;       // requests without an answer
  bool ended_ = false;
  bool parent_ended_ = false;
  std::optional<OrphanGuard> guard_;
};

}  // namespace freshframe::process
