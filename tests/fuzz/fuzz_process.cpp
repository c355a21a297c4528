// Fuzzes both ends of the socket between processes: any bytes as messages to the parent or to a worker.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/frame.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "fuzz_input.hpp"
#include "process/memory/slab_pool.hpp"
#include "process/wire/channel.hpp"
#include "process/wire/messages.hpp"
#include "process/worker/worker_end.hpp"

namespace {

using namespace freshframe;
using namespace freshframe::process;

/// The parent's checks of a message, which come before any use of it.
void as_parent(std::span<const std::byte> bytes) {
  ByteReader reader(bytes);
  try {
    switch (read_to_parent(reader)) {
      case ToParent::Hello:
        (void)read<HelloMessage>(reader);
        break;
      case ToParent::Need:
        (void)read<NeedMessage>(reader);
        break;
      case ToParent::Reply: {
        const auto reply = read<ReplyMessage>(reader);
        if (reply.kind == ResultKind::Value && !reply.value.shared) {
          const ReceivedValue value(reply.value, kMostInline);
          for (const auto& part : value.parts()) fuzz::require(part.size() <= kMostInline);
        }
        break;
      }
      case ToParent::Failed:
        (void)read<FailedMessage>(reader);
        break;
      case ToParent::Released:
        (void)read<ReleasedMessage>(reader);
        break;
      case ToParent::Log:
        (void)read<LogMessage>(reader);
        break;
      case ToParent::Opened:
        (void)read<OpenedMessage>(reader);
        break;
      case ToParent::Closed:
        (void)read<ClosedMessage>(reader);
        break;
    }
  } catch (const ProtocolError&) {  // refused
  }
}

std::uint64_t sum(const Frame& frame) {
  std::uint64_t total = 0;
  for (const auto& plane : frame.planes()) {
    for (int y = 0; y < plane.rows; ++y) total += plane.row(y)[0] + plane.row(y)[plane.row_bytes - 1];
  }
  return total;
}

/// A worker with one slab reads messages, each after its length in two bytes. A picture that it accepts lies
/// within the slab. Values of one message live on beside the next ones.
void as_worker(std::span<const std::byte> bytes) {
  static const Slab slab(1, std::size_t{1} << 20);
  auto [ours, theirs] = Channel::make_pair();
  Channel parent(std::move(ours), false);
  WorkerEnd worker(std::move(theirs), 0, basic_pixel_ops());
  const int file = slab.descriptor();
  (void)parent.send(write(SlabMessage{slab.id(), slab.size()}).bytes(), {&file, 1});
  while (bytes.size() > 2) {
    const auto wanted = std::to_integer<std::size_t>(bytes[0]) | std::to_integer<std::size_t>(bytes[1]) << 8U;
    const auto length = std::min(wanted, bytes.size() - 2);
    // An odd length brings a file along, the slab's own.
    const auto files = std::span(&file, wanted % 2);
    if (length > 0) (void)parent.send(bytes.subspan(2, length), files);
    bytes = bytes.subspan(2 + length);
  }
  parent.end_sending();
  std::vector<Frame> kept;
  try {
    while (!worker.has_ended()) {
      WorkerRequest request;
      if (!worker.receive(request)) continue;
      if (request.sample.frame) {
        volatile std::uint64_t total = sum(request.sample.frame);
        (void)total;
        kept.push_back(request.sample.frame);
      }
      if (request.sample.frame && request.id % 2 == 0) {
        const WorkerResult result{{}, request.sample.frame, {}};
        worker.reply_all({&result, 1});
      } else if (request.id % 3 == 0) {
        worker.reply_all({});
      }
    }
  } catch (const Error&) {  // refused
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto bytes = std::as_bytes(std::span(data, size));
  if (bytes[0] == std::byte{0}) {
    as_parent(bytes.subspan(1));
  } else {
    as_worker(bytes.subspan(1));
  }
  return 0;
}
