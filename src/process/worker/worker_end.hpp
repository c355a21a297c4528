// The worker's end: samples over read-only memory of the parent, results back, leases.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"
#include "freshframe/sample.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "process/life/orphan_guard.hpp"
#include "process/memory/memory_file.hpp"
#include "process/wire/channel.hpp"
#include "process/wire/value.hpp"

namespace freshframe::process {

/// What the worker is told at its start.
struct WorkerInit {
  std::vector<std::byte> payload;
  Descriptor stacks;               // where dumps of stacks go
  std::vector<std::string> names;  // of the pipeline's nodes
};

/// A sample to process. `value` is of kind kNoValue when the sample's value is its frame, or it has none.
struct WorkerRequest {
  std::uint64_t id = 0;
  AnySample sample;
  ReceivedValue value;
};

/// One per worker process. receive() and the answers come from one thread; frames may be dropped, and log()
/// called, by any.
class WorkerEnd {
 public:
  /// Without a guard (parent 0: for tests) the process outlives its parent.
  WorkerEnd(Descriptor socket, int parent, const PixelOps& ops);
  WorkerEnd(const WorkerEnd&) = delete;
  WorkerEnd& operator=(const WorkerEnd&) = delete;
  ~WorkerEnd();

  void hello(const std::string& version);
  [[nodiscard]] WorkerInit init();
  void opened();
  /// Waits. False: nothing came (a signal), call again; then `request` is unchanged. An ended stream sets
  /// `ended`.
  [[nodiscard]] bool receive(WorkerRequest& request);
  [[nodiscard]] bool ended() const noexcept { return ended_; }

  /// Answers the request that was received last. A frame that is the request's own goes back as such, another
  /// one is copied.
  void reply_nothing();
  void reply_frame(const Frame& frame);
  void reply_value(const EncodedValue& value);
  /// `in_call`: process() failed on the request, else open() or close() did.
  void fail(bool in_call, const std::string& text, const std::string& traceback, const EncodedValue& error);
  void closed();
  /// Never waits; false: dropped.
  bool log(int level, const std::string& logger, const std::string& text);

 private:
  class Leases;

  [[nodiscard]] bool next(bool& any);
  void handle(WorkerRequest* request, bool& got);
  void map_slab(const SlabMessage& message);
  void take_memory(const MemoryMessage& message);
  [[nodiscard]] Frame frame_of(const RequestMessage& message);
  [[nodiscard]] Picture picture_of(const PictureMessage& message) const;
  [[nodiscard]] ReceivedValue value_of(const ValueMessage& message) const;
  /// Makes the result memory hold `bytes`; throws Error with the parent's reason.
  void need(std::uint64_t bytes);
  void send(const ByteWriter& message);
  void reply(ReplyMessage message);

  std::shared_ptr<Leases> leases_;
  const PixelOps& ops_;
  std::map<std::uint32_t, std::shared_ptr<const Mapping>> slabs_;
  Mapping results_;
  std::string refused_;  // the parent's reason for no memory
  std::uint64_t request_ = 0;
  Frame input_;                    // of the request
  std::vector<PixelFormat> sent_;  // the formats that it came in
  bool ended_ = false;
  std::optional<OrphanGuard> guard_;
};

}  // namespace freshframe::process
