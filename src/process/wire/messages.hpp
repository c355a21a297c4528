// The messages between this process and its workers. Both ends check every message before they use it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"
#include "freshframe/sample.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "process/wire/bytes.hpp"

namespace freshframe::process {

/// Largest value in bytes within the message itself. Larger ones go through shared memory.
inline constexpr std::size_t kMostInline = std::size_t{64} << 10;
inline constexpr std::size_t kMostParts = 1000;          // of a value
inline constexpr std::size_t kMostReleased = 1000;       // leases in one message
inline constexpr std::size_t kMostResultsOfCall = 1000;  // of one call
inline constexpr std::size_t kMostSourcesGone = 100;     // in one message
inline constexpr std::uint32_t kMostNodes = 1U << 27U;   // of a pipeline, with those that went
inline constexpr std::size_t kMostText = 16 << 10;       // bytes of an exception's text or traceback
inline constexpr std::uint8_t kNoValue = 0;              // a value's kind: there is none

enum class ToWorker : std::uint8_t { Init = 1, Slab, SlabGone, Request, Memory, Node, SourceGone };
enum class ToParent : std::uint8_t { Hello = 1, Opened, Need, Reply, Failed, Released, Log, Closed };

/// The position of one plane in the slabs.
struct PlanePlace {
  std::uint32_t slab = 0;
  std::uint64_t offset = 0;
  std::int64_t stride = 0;
};

/// A picture as positions in the slabs.
struct PictureMessage {
  PictureFormat format;
  std::vector<PlanePlace> planes;
};

/// A value's bytes: of one kind, in several parts. They follow the message or are in shared memory: in a
/// slab's slot (to a worker) or in the worker's result memory (to the parent).
struct ValueMessage {
  std::uint8_t kind = kNoValue;
  std::vector<std::uint64_t> parts;  // sizes
  bool shared = false;
  std::uint32_t slab = 0;                 // if shared, to a worker
  std::uint64_t offset = 0;               // if shared
  std::span<const std::byte> bytes = {};  // if not shared

  [[nodiscard]] std::uint64_t size() const noexcept;
};

struct InitMessage {
  std::uint64_t bytes = 0;  // of the attached file; the second file is for dumps of stacks
  std::string node = {};    // the name of the worker's node
};
/// A node, before the first sample that names it.
struct NodeMessage {
  int number = -1;
  std::string name;
  std::string stream;  // that begins there
};
/// These sources give nothing more.
struct SourceGoneMessage {
  std::vector<std::string> names;
};
struct SlabMessage {
  std::uint32_t id = 0;
  std::uint64_t bytes = 0;
};
struct SlabGoneMessage {
  std::uint32_t id = 0;
};
/// The method that a worker is to call.
enum class Call : std::uint8_t { Process, OnTime, Finish };
struct RequestMessage {
  std::uint64_t id = 0;
  Call call = Call::Process;
  std::uint64_t lease = 0;  // of the picture; 0: the sample has none
  Stamp stamp;
  int node = -1;
  std::uint64_t dropped = 0;
  std::vector<PictureMessage> forms;  // the same picture in several formats; the first is the frame's own
  ValueMessage value;
  std::uint32_t more = 0;  // requests that follow and belong to the same call
};
struct MemoryMessage {
  std::uint64_t bytes = 0;  // of the attached file; 0: refused, or the present memory suffices
  std::string why;          // why it was refused; empty: it was not
};

struct HelloMessage {
  std::string version;
};
struct NeedMessage {
  std::uint64_t bytes = 0;
};
enum class ResultKind : std::uint8_t { Nothing, Input, Picture, Value };
/// One result of a call. `more` results of the same call follow, and are laid out behind this one in the result
/// memory. Only together they count.
struct ReplyMessage {
  std::uint64_t id = 0;
  std::uint32_t more = 0;
  std::optional<Stamp> like;  // of the sample that it belongs to; nothing: the one of the request
  ResultKind kind = ResultKind::Nothing;
  PixelFormat form = PixelFormat::Gray;  // Input: the form of the input frame
  PictureFormat picture;                 // Picture: in the layout of a FrameBuilder, in the result memory
  std::uint64_t offset = 0;              // Picture
  ValueMessage value;                    // Value
  std::vector<std::uint64_t> released;
};
struct FailedMessage {
  std::uint64_t id = 0;  // 0: outside process()
  std::string text;
  std::string traceback;
  ValueMessage error = {};  // the exception itself
  std::vector<std::uint64_t> released;
  bool whole = false;  // the call failed for all its requests, of which `id` is the first
};
struct ReleasedMessage {
  std::vector<std::uint64_t> leases;
};
struct LogMessage {
  std::int32_t level = 0;
  std::string logger;
  std::string text;
};

/// Bytes of the message; the value's own bytes are appended by the writer.
[[nodiscard]] ByteWriter write(const InitMessage& message);
[[nodiscard]] ByteWriter write(const NodeMessage& message);
[[nodiscard]] ByteWriter write(const SourceGoneMessage& message);
[[nodiscard]] ByteWriter write(const SlabMessage& message);
[[nodiscard]] ByteWriter write(const SlabGoneMessage& message);
[[nodiscard]] ByteWriter write(const RequestMessage& message);
[[nodiscard]] ByteWriter write(const MemoryMessage& message);
[[nodiscard]] ByteWriter write(const HelloMessage& message);
[[nodiscard]] ByteWriter write(const NeedMessage& message);
[[nodiscard]] ByteWriter write(const ReplyMessage& message);
[[nodiscard]] ByteWriter write(const FailedMessage& message);
[[nodiscard]] ByteWriter write(const ReleasedMessage& message);
[[nodiscard]] ByteWriter write(const LogMessage& message);
[[nodiscard]] ByteWriter write_opened();
[[nodiscard]] ByteWriter write_closed();

/// The first byte is the kind of the message. The function of that name reads the rest. Each throws
/// ProtocolError unless the message is complete and valid. Spans refer to the bytes read.
[[nodiscard]] ToWorker read_to_worker(ByteReader& reader);
[[nodiscard]] ToParent read_to_parent(ByteReader& reader);
[[nodiscard]] InitMessage read_init(ByteReader& reader);
[[nodiscard]] NodeMessage read_node(ByteReader& reader);
[[nodiscard]] SourceGoneMessage read_source_gone(ByteReader& reader);
[[nodiscard]] SlabMessage read_slab(ByteReader& reader);
[[nodiscard]] SlabGoneMessage read_slab_gone(ByteReader& reader);
[[nodiscard]] RequestMessage read_request(ByteReader& reader);
[[nodiscard]] MemoryMessage read_memory(ByteReader& reader);
[[nodiscard]] HelloMessage read_hello(ByteReader& reader);
[[nodiscard]] NeedMessage read_need(ByteReader& reader);
[[nodiscard]] ReplyMessage read_reply(ByteReader& reader);
[[nodiscard]] FailedMessage read_failed(ByteReader& reader);
[[nodiscard]] ReleasedMessage read_released(ByteReader& reader);
[[nodiscard]] LogMessage read_log(ByteReader& reader);

/// The size in bytes of a plane of `rows` rows, from its first byte to its last; throws ProtocolError for an
/// invalid stride.
[[nodiscard]] std::uint64_t plane_extent(const Plane& shape, std::int64_t stride);
/// Throws ProtocolError unless `bytes` at `offset` are within `size`.
void check_within(std::uint64_t offset, std::uint64_t bytes, std::uint64_t size, const char* what);

}  // namespace freshframe::process
