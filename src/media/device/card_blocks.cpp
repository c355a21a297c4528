// Pools GPU memory for frames that stay on the GPU.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/forks.hpp"

#include <cstddef>
#include <mutex>
#include <new>
#include <optional>
#include <utility>

#include "media/device/card.hpp"

namespace freshframe::media {
namespace {

// 80 frames of 1080p. Large, because freeing a block stalls the GPU.
constexpr std::size_t kMostIdleBytes = std::size_t{256} << 20;
constexpr unsigned kUntimedEvent = 3;  // no timing, and waits block instead of spinning

struct CardPools {
  std::mutex mutex;
  forks::Hold<std::mutex> hold{mutex};
};

}  // namespace

std::mutex& Card::get_pool_mutex() {
  return forks::ProcessWide<CardPools>::get().mutex;
}

std::optional<CardBlock> Card::take(std::size_t bytes) {
  auto block = take_idle(bytes);
  if (!block) {
    const CurrentContext current(*this);
    block = make_block(bytes);
    if (!block) {
      free_idle();
      block = make_block(bytes);
    }
  }
  return block;
}

std::optional<CardBlock> Card::take_idle(std::size_t bytes) {
  CardBlock block;
  {
    const std::scoped_lock lock(mutex_);
    const auto found = idle_.find(bytes);
    if (found == idle_.end() || found->second.empty()) return std::nullopt;
    block = std::move(found->second.back());
    found->second.pop_back();
    idle_bytes_ -= bytes;
  }
  if (block.readers.empty()) return block;
  const CurrentContext current(*this);
  for (void* const reader : block.readers) {
    static_cast<void>(driver_.stream_waits(parts_.stream, reader, 0));
    static_cast<void>(driver_.destroy_event(reader));
  }
  block.readers.clear();
  return block;
}

/// Requires the current context.
std::optional<CardBlock> Card::make_block(std::size_t bytes) const {
  CardBlock block{.bytes = bytes};
  if (driver_.make_event(&block.whole, kUntimedEvent) != 0) return std::nullopt;
  if (driver_.allocate(&block.address, bytes) == 0) return block;
  static_cast<void>(driver_.destroy_event(block.whole));
  return std::nullopt;
}

void Card::give(CardBlock block) noexcept {
  if (birthplace_.is_inherited()) return;
  try {
    const std::scoped_lock lock(mutex_);
    if (idle_bytes_ + block.bytes <= kMostIdleBytes) {
      auto& same = idle_[block.bytes];
      same.push_back(std::move(block));
      idle_bytes_ += same.back().bytes;
      return;
    }
  } catch (const std::bad_alloc&) {  // no memory for the list, so the block is freed
  }
  const CurrentContext current(*this);
  free_block(block);
}

void Card::note_reader(const CardBlock& block, void* stream) noexcept {
  const CurrentContext current(*this);
  void* event = nullptr;
  if (driver_.make_event(&event, kUntimedEvent) != 0) return;
  if (driver_.record(event, stream) == 0) {
    try {
      const std::scoped_lock lock(mutex_);
      block.readers.push_back(event);
      return;
    } catch (const std::bad_alloc&) {  // wait for the reader instead of storing the event
    }
    static_cast<void>(driver_.wait_for_event(event));
  }
  static_cast<void>(driver_.destroy_event(event));
}

void Card::free_idle() noexcept {
  std::map<std::size_t, std::vector<CardBlock>> idle;
  {
    const std::scoped_lock lock(mutex_);
    idle.swap(idle_);
    idle_bytes_ = 0;
  }
  const CurrentContext current(*this);
  for (const auto& [bytes, blocks] : idle) {
    for (const auto& block : blocks) free_block(block);
  }
}

/// Requires the current context. The driver waits for all work that still reads the block.
void Card::free_block(const CardBlock& block) const noexcept {
  for (void* const reader : block.readers) static_cast<void>(driver_.destroy_event(reader));
  static_cast<void>(driver_.deallocate(block.address));
  static_cast<void>(driver_.destroy_event(block.whole));
}

}  // namespace freshframe::media
