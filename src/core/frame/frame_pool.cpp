// Recycled picture memory and the builder that writes into it.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/frame.hpp"
#include "freshframe/mutex.hpp"

#include <map>
#include <new>
#include <utility>
#include <vector>

#include "core/fork_hold.hpp"
#include "core/frame/picture_memory.hpp"

namespace freshframe {
namespace {

constexpr std::size_t kAlignment = 64;                        // a cache line, and the widest SIMD register
constexpr std::size_t kMaxIdleBytes = std::size_t{64} << 20;  // about twenty 720p BGR pictures
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

}  // namespace

struct FramePool::Impl {
  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    for (auto& [bytes, buffers] : idle) {
      for (auto* buffer : buffers) deallocate(buffer);
    }
  }

  Mutex mutex;
  core::ForkHold hold{mutex};
  std::map<std::size_t, std::vector<std::uint8_t*>> idle FRESHFRAME_GUARDED_BY(mutex);
  Stats stats FRESHFRAME_GUARDED_BY(mutex);
  std::shared_ptr<core::PictureMemory> memory FRESHFRAME_GUARDED_BY(mutex);  // null: the heap
};

FramePool::FramePool() : impl_(std::make_shared<Impl>()) {}
FramePool::~FramePool() = default;

void FramePool::Recycle::operator()(std::uint8_t* buffer) const noexcept {
  if (memory) {
    memory->deallocate(buffer);
    return;
  }
  if (pool) {
    const Lock lock(pool->mutex);
    if (pool->stats.idle_bytes + bytes <= kMaxIdleBytes) {
      try {
        pool->idle[bytes].push_back(buffer);
        pool->stats.idle_bytes += bytes;
        return;
      } catch (const std::bad_alloc&) {  // no memory for the list: free the buffer instead
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
  auto* const buffer = memory ? memory->allocate(size) : nullptr;  // it has a lock of its own
  return {buffer, Recycle{impl_, size, std::move(memory)}};
}

FramePool::Buffer FramePool::take(std::size_t bytes) {
  if (auto buffer = take_used(bytes)) return buffer;
  const auto size = aligned(bytes);
  {
    const Lock lock(impl_->mutex);
    const auto found = impl_->idle.find(size);
    if (found != impl_->idle.end() && !found->second.empty()) {
      auto* buffer = found->second.back();
      found->second.pop_back();
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

FramePool& FramePool::shared() {
  return forks::ProcessWide<FramePool>::get();  // frames may outlive every other static object
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
