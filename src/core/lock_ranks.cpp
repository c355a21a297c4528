// Tracks the mutexes that each thread holds, by rank. Only in builds that check them.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/mutex.hpp"

#ifdef FRESHFRAME_CHECK_LOCKS

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

namespace freshframe::core {
namespace {

constexpr std::size_t kRanks = static_cast<std::size_t>(LockRank::Leaf) + 1;
constexpr std::array<const char*, kRanks> kRankNames = {"Graph", "Conversion", "Place", "Leaf"};

thread_local std::array<int, kRanks> held{};  // number of mutexes that this thread holds, by rank

[[noreturn]] void end(const char* what, std::size_t rank) {
  std::fprintf(stderr, "freshframe: %s while this thread holds one of rank %s\n", what, kRankNames.at(rank));
  std::abort();
}

void expect_none_from(std::size_t lowest, const char* what) {
  for (std::size_t rank = lowest; rank < kRanks; ++rank) {
    if (held.at(rank) != 0) end(what, rank);
  }
}

}  // namespace

void note_lock(LockRank rank) {
  const auto own = static_cast<std::size_t>(rank);
  expect_none_from(own, "another mutex is locked");
  ++held.at(own);
}

void note_unlock(LockRank rank) noexcept {
  --held[static_cast<std::size_t>(rank)];
}

void expect_no_lock() {
  expect_none_from(0, "foreign code is called");
}

}  // namespace freshframe::core

#endif
