// Reuses the memory of images, and builds frames in it.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/frame.hpp"
#include "freshframe/mutex.hpp"

#include <cstdint>
#include <cstring>
#include <map>
#include <new>
#include <utility>
#include <vector>

#include "core/fork_hold.hpp"
#include "core/frame/picture_memory.hpp"

namespace freshframe {
namespace {

constexpr std::size_t kAlignment = 64;                        // size of a cache line and the widest register
constexpr std::size_t kMaxIdleBytes = std::size_t{64} << 20;  // about twenty 720p BGR images
constexpr std::size_t kMostSizes = 64;                        // of idle buffers
constexpr int kMaxSide = 1 << 16;

std::uint8_t* allocate(std::size_t bytes) {
  return static_cast<std::uint8_t*>(::operator new(bytes, std::align_val_t(kAlignment)));
}

void deallocate(std::uint8_t* memory) noexcept {
  ::operator delete(memory, std::align_val_t(kAlignment));
}

std::size_t aligned(std::size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

/// Buffers to free without the lock. Linked through their own first bytes, so that this needs no allocation.
class EvictedBuffers {
 public:
  EvictedBuffers() = default;
  EvictedBuffers(const EvictedBuffers&) = delete;
  EvictedBuffers& operator=(const EvictedBuffers&) = delete;
  ~EvictedBuffers() {
    while (first_ != nullptr) {
      auto* const buffer = first_;
      std::memcpy(static_cast<void*>(&first_), buffer, sizeof first_);
      deallocate(buffer);
    }
  }
  void add(std::uint8_t* buffer) noexcept {
    std::memcpy(buffer, static_cast<const void*>(&first_), sizeof first_);
    first_ = buffer;
  }

 private:
  std::uint8_t* first_ = nullptr;
};

}  // namespace

struct FramePool::Impl {
  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    for (auto& [bytes, of_size] : idle) {
      for (auto* buffer : of_size.buffers) deallocate(buffer);
    }
  }

  /// Idle buffers of one size.
  struct Idle {
    std::vector<std::uint8_t*> buffers;
    std::uint64_t used = 0;  // value of `uses` when a buffer was last taken or returned
  };

  /// Frees the least recently used sizes until `bytes` more fit, moving their buffers to `evicted`. Returns
  /// false, without freeing anything, if buffers of this size alone leave no room.
  bool make_room(std::size_t bytes, EvictedBuffers& evicted) noexcept FRESHFRAME_REQUIRES(mutex);
  /// Returns the entry for a size that is in use.
  Idle& get_idle(std::size_t bytes) FRESHFRAME_REQUIRES(mutex);

  Mutex mutex;
  core::ForkHold hold{mutex};
  std::map<std::size_t, Idle> idle FRESHFRAME_GUARDED_BY(mutex);
  std::uint64_t uses FRESHFRAME_GUARDED_BY(mutex) = 0;
  Stats stats FRESHFRAME_GUARDED_BY(mutex);
  std::shared_ptr<core::PictureMemory> memory FRESHFRAME_GUARDED_BY(mutex);  // null for the heap
};

bool FramePool::Impl::make_room(std::size_t bytes, EvictedBuffers& evicted) noexcept {
  const auto same = idle.find(bytes);
  const auto kept = same == idle.end() ? 0 : same->second.buffers.size();
  if ((kept + 1) * bytes > kMaxIdleBytes) return false;
  while (stats.idle_bytes + bytes > kMaxIdleBytes) {
    auto oldest = idle.end();
    for (auto each = idle.begin(); each != idle.end(); ++each) {
      if (each->first == bytes || each->second.buffers.empty()) continue;
      if (oldest == idle.end() || each->second.used < oldest->second.used) oldest = each;
    }
    if (oldest == idle.end()) return false;
    evicted.add(oldest->second.buffers.back());
    oldest->second.buffers.pop_back();
    stats.idle_bytes -= oldest->first;
    if (oldest->second.buffers.empty()) idle.erase(oldest);
  }
  return true;
}

FramePool::Impl::Idle& FramePool::Impl::get_idle(std::size_t bytes) {
  const auto found = idle.find(bytes);
  if (found == idle.end() && idle.size() >= kMostSizes)  // e.g. sizes of crops
    std::erase_if(idle, [](const auto& each) { return each.second.buffers.empty(); });
  auto& place = found != idle.end() ? found->second : idle[bytes];
  place.used = ++uses;
  return place;
}

FramePool::FramePool() : impl_(std::make_shared<Impl>()) {}
FramePool::~FramePool() = default;

void FramePool::Recycle::operator()(std::uint8_t* buffer) const noexcept {
  if (memory) {
    memory->deallocate(buffer);
    return;
  }
  if (pool) {
    EvictedBuffers evicted;  // freed after the lock is released
    const Lock lock(pool->mutex);
    if (pool->make_room(bytes, evicted)) {
      try {
        pool->get_idle(bytes).buffers.push_back(buffer);
        pool->stats.idle_bytes += bytes;
        return;
      } catch (const std::bad_alloc&) {  // out of memory for the list entry: free the buffer
      }
    }
  }
  deallocate(buffer);
}

void FramePool::use(std::shared_ptr<core::PictureMemory> memory) {
  const Lock lock(impl_->mutex);
  impl_->memory.swap(memory);
}

FramePool::Buffer FramePool::take_used(std::size_t bytes) {
  std::shared_ptr<core::PictureMemory> memory;
  {
    const Lock lock(impl_->mutex);
    memory = impl_->memory;
  }
  const auto size = aligned(bytes);
  // Without the pool's lock: `memory` has its own.
  auto* const buffer = memory ? memory->allocate(size) : nullptr;
  return {buffer, Recycle{impl_, size, std::move(memory)}};
}

FramePool::Buffer FramePool::take(std::size_t bytes) {
  if (auto buffer = take_used(bytes)) return buffer;
  const auto size = aligned(bytes);
  {
    const Lock lock(impl_->mutex);
    const auto found = impl_->idle.find(size);
    if (found != impl_->idle.end() && !found->second.buffers.empty()) {
      auto* buffer = found->second.buffers.back();
      found->second.buffers.pop_back();
      found->second.used = ++impl_->uses;
      impl_->stats.idle_bytes -= size;
      ++impl_->stats.reused;
      return {buffer, Recycle{impl_, size}};
    }
    ++impl_->stats.allocated;
  }
  return {allocate(size), Recycle{impl_, size}};
}

FramePool::Stats FramePool::stats() const {
  const Lock lock(impl_->mutex);
  return impl_->stats;
}

FramePool& FramePool::get_shared() {
  return forks::ProcessWide<FramePool>::get();  // frames may outlive all other static objects
}

std::size_t core::lay_out(Picture& picture, std::uint8_t* memory) {
  const auto& format = picture.format;
  if (format.width < 1 || format.height < 1 || format.width > kMaxSide || format.height > kMaxSide) {
    throw Error("a frame must be 1x1 to 65536x65536 pixels, got " + std::to_string(format.width) + "x" +
                std::to_string(format.height));
  }
  std::size_t bytes = 0;
  for (int i = 0; i < format.plane_count(); ++i) {
    auto shape = format.plane_shape(i);
    shape.stride = static_cast<std::ptrdiff_t>(aligned(static_cast<std::size_t>(shape.row_bytes)));
    if (memory != nullptr) shape.data = memory + bytes;
    bytes += static_cast<std::size_t>(shape.stride) * static_cast<std::size_t>(shape.rows);
    picture.planes[static_cast<std::size_t>(i)] = shape;
  }
  return bytes;
}

FrameBuilder::FrameBuilder(const PictureFormat& format, FramePool& pool) {
  picture_.format = format;
  bytes_ = core::lay_out(picture_, nullptr);
  memory_ = pool.take(bytes_);
  core::lay_out(picture_, memory_.get());
}

FrameBuilder::FrameBuilder(FrameBuilder&&) noexcept = default;
FrameBuilder& FrameBuilder::operator=(FrameBuilder&&) noexcept = default;
FrameBuilder::~FrameBuilder() = default;

std::uint8_t* FrameBuilder::plane(int index) noexcept {
  return picture_.row(index);
}

std::ptrdiff_t FrameBuilder::stride(int index) const noexcept {
  return picture_.planes[static_cast<std::size_t>(index)].stride;
}

FramePool::Buffer FrameBuilder::take_memory() && {
  return std::move(memory_);
}

Frame FrameBuilder::publish(const PixelOps& ops) && {
  const auto memory = std::make_shared<FramePool::Buffer>(std::move(memory_));
  return Frame::wrap(picture_, bytes_, [memory] {}, ops);
}

}  // namespace freshframe
