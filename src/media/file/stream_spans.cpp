// Distinguishes skipped video from video that runs in parallel to the chosen stream.
// SPDX-License-Identifier: Apache-2.0
#include "media/file/stream_spans.hpp"

#include <algorithm>

namespace freshframe::media {

void StreamSpans::add(int stream, std::int64_t position) {
  auto& span = spans_[stream];
  ++span.packets;
  if (position < 0) return;
  span.first = std::min(span.first.value_or(position), position);
  span.last = std::max(span.last, position);
}

std::int64_t StreamSpans::packets_apart_from(int chosen) const {
  const auto found = spans_.find(chosen);
  if (found == spans_.end() || !found->second.first) return 0;
  const Span& read = found->second;
  std::int64_t packets = 0;
  for (const auto& [stream, span] : spans_) {
    if (stream == chosen || !span.first) continue;
    if (span.last < *read.first || *span.first > read.last) packets += span.packets;
  }
  return packets;
}

}  // namespace freshframe::media
