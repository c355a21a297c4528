// Names and validation of queue policies and batches.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/queue.hpp"

#include "freshframe/batch.hpp"
#include "freshframe/error.hpp"

#include <cmath>
#include <string>

#include "core/unit_text.hpp"

namespace freshframe {
namespace {

std::string number_text(double number) {
  return core::number_text(number, std::chars_format::general, 6);
}

}  // namespace

std::string_view to_string(WhenFull when_full) noexcept {
  switch (when_full) {
    case WhenFull::DropOldest:
      return "drop_oldest";
    case WhenFull::DropNewest:
      return "drop_newest";
    case WhenFull::Block:
      return "block";
  }
  return "?";
}

std::string_view to_string(DropCause cause) noexcept {
  return describe_cause(cause).name;
}

std::string_view to_string(NodeDropCause cause) noexcept {
  return describe_cause(cause).name;
}

std::string to_string(const Queue& queue) {
  for (const auto& known : kNamedQueues) {
    if (queue == known.queue) return std::string(known.name);
  }
  auto text = "Queue(" + std::to_string(queue.depth) + ", " + std::string(to_string(queue.when_full));
  if (queue.max_seconds) text += ", max_seconds=" + number_text(*queue.max_seconds);
  if (queue.max_bytes) text += ", max_bytes=" + std::to_string(*queue.max_bytes);
  return text + ")";
}

WhenFull parse_when_full(std::string_view name) {
  std::string known;
  for (const auto policy : {WhenFull::DropOldest, WhenFull::DropNewest, WhenFull::Block}) {
    if (to_string(policy) == name) return policy;
    known += (known.empty() ? "" : ", ") + std::string(to_string(policy));
  }
  throw OptionError("when_full must be one of " + known + ", got '" + std::string(name) + "'");
}

void validate(const Queue& queue) {
  constexpr int kMaxDepth = 1 << 20;
  if (queue.depth < 0) {
    throw OptionError("queue depth must be at least 0, got " + std::to_string(queue.depth));
  }
  if (queue.depth > kMaxDepth) {
    throw OptionError("queue depth must be at most 1048576, got " + std::to_string(queue.depth));
  }
  if (queue.depth == 0 && queue.when_full != WhenFull::DropOldest) {
    throw OptionError(
        "a queue of depth 0 (NEXT) hands samples to a waiting consumer and is never full: leave when_full at "
        "its default, got " +
        std::string(to_string(queue.when_full)));
  }
  if (queue.max_seconds && !(*queue.max_seconds > 0)) {
    throw OptionError("max_seconds of a queue must be more than 0, got " + number_text(*queue.max_seconds));
  }
  if (queue.max_bytes && *queue.max_bytes <= 0) {
    throw OptionError("max_bytes of a queue must be more than 0, got " + std::to_string(*queue.max_bytes));
  }
  const bool bounded = queue.max_seconds || queue.max_bytes;
  if (bounded && (queue.blocks() || queue.depth == 0)) {
    throw OptionError(
        "max_seconds and max_bytes limit only queues that drop samples: use drop_oldest or drop_newest and a "
        "depth of 1 or more, got " +
        to_string(queue));
  }
}

void validate(const Batch& batch) {
  if (batch.size < 1 || batch.size > kMostBatch) {
    throw OptionError("the size of a batch must be 1 to " + std::to_string(kMostBatch) + " samples, got " +
                      std::to_string(batch.size));
  }
  if (!(batch.max_wait >= 0) || !std::isfinite(batch.max_wait)) {
    throw OptionError("max_wait of a batch must be at least 0 seconds and finite, got " +
                      number_text(batch.max_wait));
  }
}

}  // namespace freshframe
