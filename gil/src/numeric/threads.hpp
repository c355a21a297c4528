// Distributes the chunks of a sum among threads that live as long as the call.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <system_error>
#include <thread>
#include <vector>

namespace freshframe::numeric {

/// Calls `work(chunk)` once for each chunk from 0 to chunks - 1, on at most `threads` threads, including this
/// one. `work` must not throw. Whichever thread is free takes the next chunk, so the result must not depend
/// on the thread.
template <class Work>
void share_out(std::int64_t chunks, int threads, const Work& work) {
  std::atomic<std::int64_t> next{0};
  const auto take_turns = [&]() noexcept {
    for (std::int64_t chunk = next++; chunk < chunks; chunk = next++) work(chunk);
  };
  std::vector<std::jthread> helpers;
  const auto wanted = std::min<std::int64_t>(threads, chunks) - 1;
  if (wanted > 0) {
    helpers.reserve(static_cast<std::size_t>(wanted));
    try {
      for (std::int64_t i = 0; i < wanted; ++i) helpers.emplace_back(take_turns);
    } catch (const std::system_error&) {  // NOLINT(bugprone-empty-catch): the existing threads do the work
    }
  }
  take_turns();
}

}  // namespace freshframe::numeric
