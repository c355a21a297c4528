// Messages between this process and its workers. Both ends validate every message before they use it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"
#include "freshframe/sample.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "process/wire/bytes.hpp"

namespace freshframe::process {

/// Maximum size of a value inside a message. Larger ones are passed in shared memory.
inline constexpr std::size_t kMostInline = std::size_t{64} << 10;
inline constexpr std::size_t kMostParts = 1000;          // maximum number of parts of a value
inline constexpr std::size_t kMostReleased = 1000;       // maximum number of leases in one message
inline constexpr std::size_t kMostResultsOfCall = 1000;  // maximum number of results of one call
inline constexpr std::size_t kMostSourcesGone = 100;     // maximum number of sources in one message
inline constexpr std::size_t kMostArrivals = 10'000;     // maximum number of arrivals in one message
inline constexpr int kMostNodes = 1 << 27;               // maximum number of nodes, including former ones
inline constexpr std::size_t kMostText = 16 << 10;       // maximum bytes of an exception's text or traceback
inline constexpr std::uint8_t kNoValue = 0;              // kind of a ValueMessage that contains no value

inline constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 46;  // maximum of any size, in bytes

/// The maximum of a non-negative number, and the number's name for error messages.
template <class T>
struct Most {
  T most;
  const char* what;
};
constexpr Most<std::uint64_t> most_bytes(const char* what) {
  return {kMostBytes, what};
}

// Note [Fields of messages]
// A message consists of its fields, one after the other. Each struct lists them once, in its fields(), which
// is called with a writer to send and with a reader to receive. The reader checks each field against the
// limits that are passed along with it. check(), for conditions on several fields, does nothing in the
// writer, and the maximum size of a string does nothing in the reader. The fields of structs that are not
// messages (formats, stamps) are listed in messages.cpp.

void name_leases(auto& io, auto& leases) {
  io.list(leases, Most<std::uint32_t>{kMostReleased, "the number of leases"},
          [&](auto& lease) { io.number(lease); });
}

enum class ToWorker : std::uint8_t { Init = 1, Slab, SlabGone, Request, Memory, Node, SourceGone };
enum class ToParent : std::uint8_t { Hello = 1, Opened, Need, Reply, Failed, Released, Log, Closed };

/// Position of a plane in the slabs.
struct PlanePlace {
  std::uint32_t slab = 0;
  std::uint64_t offset = 0;
  std::int64_t stride = 0;

  static void fields(auto& io, auto& self) {
    io.number(self.slab);
    io.number(self.offset, most_bytes("a plane's offset"));
    io.number(self.stride);
  }
};

/// An image, as positions in the slabs.
struct PictureMessage {
  PictureFormat format;
  std::vector<PlanePlace> planes;
};

/// A value's bytes, of one kind and in several parts. They follow the message or are in shared memory: in a
/// slab's slot (to a worker), or in the worker's result memory (to the parent).
struct ValueMessage {
  std::uint8_t kind = kNoValue;
  std::vector<std::uint64_t> parts;  // sizes
  bool shared = false;
  std::uint32_t slab = 0;                 // for a shared value sent to a worker: the slab
  std::uint64_t offset = 0;               // if shared
  std::span<const std::byte> bytes = {};  // if not shared

  [[nodiscard]] std::uint64_t size() const noexcept;
  static void fields(auto& io, auto& self) {
    io.number(self.kind);
    if (self.kind == kNoValue) return;
    io.list(self.parts, Most<std::uint32_t>{kMostParts, "a value's number of parts"},
            [&](auto& part) { io.number(part, most_bytes("the size of a value's part")); });
    io.flag(self.shared);
    if (self.shared) {
      io.number(self.slab);
      io.number(self.offset, most_bytes("a value's offset"));
    } else {
      io.bytes(self.bytes, self.size());  // at most 1000 * 2^46: no overflow
    }
  }
};

struct InitMessage {
  static constexpr auto kKind = ToWorker::Init;

  std::uint64_t bytes = 0;  // size of the attached file; a second file is for stack dumps
  std::string node = {};    // name of the worker's node

  static void fields(auto& io, auto& self) {
    io.number(self.bytes, most_bytes("the size of a file"));
    io.text(self.node);
  }
};
/// Announces a node before the first sample that refers to it.
struct NodeMessage {
  static constexpr auto kKind = ToWorker::Node;

  int number = -1;
  std::string name;
  std::string stream;  // name of the stream that starts at the node

  static void fields(auto& io, auto& self) {
    io.number(self.number, Most<int>{kMostNodes, "the number of a node"});
    io.text(self.name);
    io.text(self.stream);
  }
};
struct GoneSourceName {
  int number = -1;
  std::string name;
};
/// Tells a worker which sources have ended.
struct SourceGoneMessage {
  static constexpr auto kKind = ToWorker::SourceGone;

  std::vector<GoneSourceName> sources;

  static void fields(auto& io, auto& self) {
    io.list(self.sources, Most<std::uint32_t>{kMostSourcesGone, "the number of sources"}, [&](auto& source) {
      io.number(source.number, Most<int>{kMostNodes, "the number of a node"});
      io.text(source.name);
    });
  }
};
struct SlabMessage {
  static constexpr auto kKind = ToWorker::Slab;

  std::uint32_t id = 0;
  std::uint64_t bytes = 0;

  static void fields(auto& io, auto& self) {
    io.number(self.id);
    io.number(self.bytes, most_bytes("the size of a slab"));
  }
};
struct SlabGoneMessage {
  static constexpr auto kKind = ToWorker::SlabGone;

  std::uint32_t id = 0;

  static void fields(auto& io, auto& self) { io.number(self.id); }
};
/// The method that a worker should call.
enum class Call : std::uint8_t {
  Process,
  OnTick,
  OnLastTick,  // on_tick(), after all sources upstream have ended and none can follow: finish() is next
  Finish
};
[[nodiscard]] constexpr bool is_tick(Call call) noexcept {
  return call == Call::OnTick || call == Call::OnLastTick;
}
/// The capture time up to which everything from a live source has arrived at the node, see core::Arrivals.
struct ArrivalMessage {
  int source = -1;
  double until = 0;  // time on the steady clock, in seconds

  static void fields(auto& io, auto& self) {
    io.number(self.source, Most<int>{kMostNodes, "the number of a node"});
    io.number(self.until);
  }
};
struct RequestMessage {
  static constexpr auto kKind = ToWorker::Request;

  std::uint64_t id = 0;
  Call call = Call::Process;
  std::uint64_t lease = 0;  // lease of the image; 0 if the sample has none
  Stamp stamp;
  int node = -1;
  std::uint64_t dropped = 0;
  std::vector<PictureMessage> forms;  // the same image in several formats, the frame's own first
  ValueMessage value;
  std::uint32_t more = 0;                     // number of following requests that belong to the same call
  std::vector<ArrivalMessage> arrivals = {};  // of on_tick()

  static void fields(auto& io, auto& self) {
    io.number(self.id);
    io.choice(self.call, Call::Finish, "the method of a call");
    io.number(self.lease);
    io.part(self.stamp);
    io.number(self.node);
    io.number(self.dropped);
    io.list(self.forms, Most<std::uint8_t>{kPixelFormats, "the number of a picture's formats"},
            [&](auto& form) { io.part(form); });
    io.check((self.lease == 0) == self.forms.empty(), "a picture without a lease, or one without a picture");
    io.number(self.more);
    io.list(self.arrivals, Most<std::uint32_t>{kMostArrivals, "the number of sources"},
            [&](auto& arrival) { io.part(arrival); });
    io.part(self.value);
  }
};
struct MemoryMessage {
  static constexpr auto kKind = ToWorker::Memory;

  // size of the attached file, or 0 if there is none and the worker keeps its memory
  std::uint64_t bytes = 0;
  std::string why;  // reason for refusing the request, or empty

  static void fields(auto& io, auto& self) {
    io.number(self.bytes, most_bytes("the size of a file"));
    io.text(self.why);
  }
};

struct HelloMessage {
  static constexpr auto kKind = ToParent::Hello;

  std::string version;

  static void fields(auto& io, auto& self) { io.text(self.version); }
};
/// open() has returned.
struct OpenedMessage {
  static constexpr auto kKind = ToParent::Opened;

  static void fields(auto& /*io*/, auto& /*self*/) {}
};
/// close() has returned.
struct ClosedMessage {
  static constexpr auto kKind = ToParent::Closed;

  static void fields(auto& /*io*/, auto& /*self*/) {}
};
struct NeedMessage {
  static constexpr auto kKind = ToParent::Need;

  std::uint64_t bytes = 0;
  std::uint64_t has = 0;  // bytes that the worker has mapped, which only it knows

  static void fields(auto& io, auto& self) {
    io.number(self.bytes, most_bytes("the size of a result"));
    io.number(self.has, most_bytes("the size of a worker's memory for results"));
  }
};
enum class ResultKind : std::uint8_t { Nothing, Input, Picture, Value };
/// One result of a call. `more` results of the same call follow, stored after this one in the result memory.
/// They take effect only together.
struct ReplyMessage {
  static constexpr auto kKind = ToParent::Reply;

  std::uint64_t id = 0;
  std::uint32_t more = 0;
  std::optional<Stamp> like;  // stamp of the sample that the result belongs to; nullopt for the request's own
  ResultKind kind = ResultKind::Nothing;
  PixelFormat form = PixelFormat::Gray;  // Input: format of the input frame
  PictureFormat picture;                 // Picture: laid out as by FrameBuilder, in the result memory
  std::uint64_t offset = 0;              // Picture only
  ValueMessage value;                    // Value only
  std::vector<std::uint64_t> released;

  static void fields(auto& io, auto& self) {
    io.number(self.id);
    io.number(self.more, Most<std::uint32_t>{kMostResultsOfCall - 1, "the number of results"});
    io.part(self.like);
    name_leases(io, self.released);
    io.choice(self.kind, ResultKind::Value, "the kind of a result");
    switch (self.kind) {
      case ResultKind::Nothing:
        break;
      case ResultKind::Input:
        io.choice(self.form, PixelFormat::Rgb, "a pixel format");
        break;
      case ResultKind::Picture:
        io.part(self.picture);
        io.number(self.offset, most_bytes("a picture's offset"));
        break;
      case ResultKind::Value:
        io.part(self.value);
        io.check(self.value.kind != kNoValue, "a result without a value");
        break;
    }
  }
};
struct FailedMessage {
  static constexpr auto kKind = ToParent::Failed;

  std::uint64_t id = 0;  // 0 if the call was not process()
  std::string text;
  std::string traceback;
  ValueMessage error = {};  // the exception object
  std::vector<std::uint64_t> released;
  bool whole = false;            // whether the call failed for all its requests; `id` is the first
  bool is_device_error = false;  // whether it is a DeviceError, whatever its class in the worker

  static void fields(auto& io, auto& self) {
    io.number(self.id);
    io.flag(self.whole);
    io.flag(self.is_device_error);
    name_leases(io, self.released);
    io.text(self.text, kMostText);
    io.text(self.traceback, kMostText);
    io.part(self.error);
  }
};
struct ReleasedMessage {
  static constexpr auto kKind = ToParent::Released;

  std::vector<std::uint64_t> leases;

  static void fields(auto& io, auto& self) { name_leases(io, self.leases); }
};
struct LogMessage {
  static constexpr auto kKind = ToParent::Log;

  std::int32_t level = 0;
  std::string logger;
  std::string text;

  static void fields(auto& io, auto& self) {
    io.number(self.level);
    io.text(self.logger);
    io.text(self.text);
  }
};

template <class Message>
concept SentMessage = requires { Message::kKind; };

/// Serializes one of the messages above, including its kind. The value's bytes must be appended by the
/// caller.
template <SentMessage Message>
[[nodiscard]] ByteWriter write(const Message& message);

/// Reads the kind, which is the first byte. Throws ProtocolError if it is unknown.
[[nodiscard]] ToWorker read_to_worker(ByteReader& reader);
[[nodiscard]] ToParent read_to_parent(ByteReader& reader);
/// Reads the rest of a message of this kind. Throws ProtocolError unless it is complete and valid. Spans
/// refer to the reader's bytes.
template <SentMessage Message>
[[nodiscard]] Message read(ByteReader& reader);

/// Size in bytes of a plane of `rows` rows, from the first byte to the last. Throws ProtocolError for an
/// invalid stride.
[[nodiscard]] std::uint64_t plane_extent(const Plane& shape, std::int64_t stride);
/// Throws ProtocolError unless the range is within `size`.
void check_within(std::uint64_t offset, std::uint64_t bytes, std::uint64_t size, const char* what);

}  // namespace freshframe::process
