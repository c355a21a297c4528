// Shared memory for images, used while a pipeline has a node in worker processes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/forks.hpp"
#include "freshframe/mutex.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/frame/picture_memory.hpp"
#include "process/memory/memory_file.hpp"
#include "process/wire/descriptor.hpp"

namespace freshframe::process {

/// Manages the free ranges of a block of memory. First fit from the lowest address, so that the upper end
/// becomes free. Not thread-safe.
class FreeSpace {
 public:
  explicit FreeSpace(std::size_t bytes);

  /// Slot sizes are whole pages, in eight steps per power of two, so that images of similar sizes fit in the
  /// same slots.
  [[nodiscard]] static std::size_t slot_size(std::size_t bytes) noexcept;

  /// The offset of a new slot of slot_size(bytes), or nullopt if no free range is large enough.
  std::optional<std::size_t> take(std::size_t bytes);
  /// Frees the slot that begins at `offset`.
  void give(std::size_t offset) noexcept;
  [[nodiscard]] bool all_free() const noexcept { return taken_.empty(); }

 private:
  std::map<std::size_t, std::size_t> free_;   // offset to size; adjacent ranges are merged
  std::map<std::size_t, std::size_t> taken_;  // offset to size
};

/// The only writable mapping of a sealed memory file: other processes cannot write to it, map it writable,
/// resize it or punch holes. The pool manages its slots.
class Slab {
 public:
  /// Throws Error if the memory is not available.
  Slab(std::uint32_t id, std::size_t bytes);

  [[nodiscard]] std::uint32_t id() const noexcept { return id_; }
  [[nodiscard]] std::size_t size() const noexcept { return mapping_.size(); }
  [[nodiscard]] int descriptor() const noexcept { return file_.get(); }
  [[nodiscard]] std::byte* data() const noexcept { return mapping_.data(); }
  [[nodiscard]] bool contains(const void* address) const noexcept { return mapping_.contains(address); }
  [[nodiscard]] std::size_t find_offset(const void* address) const noexcept {
    return static_cast<std::size_t>(static_cast<const std::byte*>(address) - mapping_.data());
  }

 private:
  const std::uint32_t id_;
  Descriptor file_;
  Mapping mapping_;
};

/// The position of an address in the slabs.
struct SlabPlace {
  std::shared_ptr<const Slab> slab;
  std::size_t offset = 0;
};

/// Thread-safe. A slab is created when the others are full, and released after it has been empty for a while.
class SlabPool final : public core::PictureMemory {
 public:
  static constexpr std::size_t kSlabBytes = std::size_t{32} << 20;
  // limits the descriptors of this process and of each worker's messages
  static constexpr std::size_t kMostSlabs = 16;
  static constexpr Seconds kKeepEmpty{5};
  // memory that must remain free after a new slab
  static constexpr std::size_t kReserve = std::size_t{32} << 20;

  /// `headroom` returns the available memory. `slab_bytes` is the minimum size of a slab.
  explicit SlabPool(std::function<std::size_t()> headroom, std::size_t slab_bytes = kSlabBytes);
  ~SlabPool() override;

  [[nodiscard]] std::uint8_t* allocate(std::size_t bytes) noexcept override;
  void deallocate(std::uint8_t* memory) noexcept override;

  [[nodiscard]] std::optional<SlabPlace> find(const void* address) const;
  [[nodiscard]] std::vector<std::shared_ptr<const Slab>> slabs() const;
  /// Changes whenever slabs() does.
  [[nodiscard]] std::uint64_t generation() const noexcept {
    return generation_.load(std::memory_order_acquire);
  }
  /// The reason why the latest allocate() failed; empty if none has.
  [[nodiscard]] std::string why_refused() const;
  /// Releases slabs that have been empty since `before`.
  void trim(TimePoint before);
  /// Sets whether empty slabs are kept. If not, a slab is released as soon as it is empty.
  void keep_empty(bool keeps);
  /// Returns true if the address is in one of the pool's slabs. Lock-free, so that it works in a forked
  /// child, where a lock may be held by a thread that does not exist there.
  [[nodiscard]] bool owns(const void* address) const noexcept;
  /// Returns true in a forked child if the address is in a slab of the parent, which is still shared and may
  /// be overwritten by the parent.
  [[nodiscard]] static bool is_inherited(const void* address) noexcept;

  /// The process's pool, and the number of nodes that use it. While there are any, FramePool::get_shared()
  /// uses its memory.
  [[nodiscard]] static SlabPool& get_shared();
  static void begin_use();
  static void end_use() noexcept;

 private:
  struct Owned {
    std::shared_ptr<const Slab> slab;
    FreeSpace space;
    TimePoint empty_since{};
  };
  struct Range {
    std::atomic<const std::byte*> begin{nullptr};
    std::atomic<const std::byte*> end{nullptr};
  };

  [[nodiscard]] std::uint8_t* take_locked(std::size_t bytes) FRESHFRAME_REQUIRES(mutex_);
  [[nodiscard]] std::size_t next_size_locked(std::size_t bytes) const FRESHFRAME_REQUIRES(mutex_);
  void grow(std::size_t bytes) noexcept;
  void write_ranges_locked() noexcept FRESHFRAME_REQUIRES(mutex_);
  static void leave_to_parent();
  static const forks::InChild at_fork;

  const std::function<std::size_t()> headroom_;
  const std::size_t slab_bytes_;
  mutable Mutex mutex_;
  Condition grown_;
  bool growing_ FRESHFRAME_GUARDED_BY(mutex_) = false;  // whether a thread is creating a slab
  std::vector<Owned> owned_ FRESHFRAME_GUARDED_BY(mutex_);
  std::uint32_t next_id_ FRESHFRAME_GUARDED_BY(mutex_) = 1;
  bool keeps_empty_ FRESHFRAME_GUARDED_BY(mutex_) = true;
  std::string refused_ FRESHFRAME_GUARDED_BY(mutex_);
  TimePoint refused_at_ FRESHFRAME_GUARDED_BY(mutex_){};
  std::atomic<std::uint64_t> generation_{0};
  // This process was forked, so the pool and its slabs belong to the parent.
  std::atomic<bool> is_parents_{false};
  std::array<Range, kMostSlabs> ranges_;  // written under mutex_, read without it
};

/// Counts as one user of the shared pool.
class SlabUse {
 public:
  SlabUse() { SlabPool::begin_use(); }
  SlabUse(const SlabUse&) = delete;
  SlabUse& operator=(const SlabUse&) = delete;
  ~SlabUse() { SlabPool::end_use(); }
};

}  // namespace freshframe::process
