// Allocates images in shared memory, in slabs.
// SPDX-License-Identifier: Apache-2.0
#include "process/memory/slab_pool.hpp"

#include "freshframe/error.hpp"
#include "freshframe/frame.hpp"

#include <algorithm>
#include <bit>
#include <exception>
#include <iterator>
#include <utility>

#include "core/unit_text.hpp"
#include "process/memory/headroom.hpp"
#include "process/now.hpp"

namespace freshframe::process {

FreeSpace::FreeSpace(std::size_t bytes) {
  free_[0] = bytes;
}

std::size_t FreeSpace::slot_size(std::size_t bytes) noexcept {
  constexpr std::size_t kPage = 4096;
  const auto step = std::max(kPage, std::bit_floor(std::max<std::size_t>(bytes, 1)) / 8);
  return std::max(step, (bytes + step - 1) / step * step);
}

std::optional<std::size_t> FreeSpace::take(std::size_t bytes) {
  const auto size = slot_size(bytes);
  const auto found =
      std::find_if(free_.begin(), free_.end(), [&](const auto& part) { return part.second >= size; });
  if (found == free_.end()) return std::nullopt;
  const auto [offset, length] = *found;
  taken_.emplace(offset, size);  // the only allocation comes first, so that a failure changes nothing
  auto node = free_.extract(found);
  if (length > size) {
    node.key() = offset + size;
    node.mapped() = length - size;
    free_.insert(std::move(node));
  }
  return offset;
}

void FreeSpace::give(std::size_t offset) noexcept {
  auto node = taken_.extract(offset);
  if (node.empty()) return;
  const auto size = node.mapped();
  const auto after = free_.lower_bound(offset);
  const auto before = after == free_.begin() ? free_.end() : std::prev(after);
  const bool joins_before = before != free_.end() && before->first + before->second == offset;
  const bool joins_after = after != free_.end() && offset + size == after->first;
  const auto end = offset + size + (joins_after ? after->second : 0);
  if (joins_after) free_.erase(after);
  if (joins_before) {
    before->second = end - before->first;
  } else {
    node.mapped() = end - offset;  // reuses the node of the taken slot, so nothing is allocated
    free_.insert(std::move(node));
  }
}

Slab::Slab(std::uint32_t id, std::size_t bytes)
    : id_(id),
      file_(make_memory_file("freshframe-pictures", bytes)),
      mapping_(file_.get(), bytes, Mapping::Access::ReadWrite, true) {
  seal(file_, Sealed::NewWriters);
}

namespace {

// Minimum time between a refusal and the next attempt, because reading cgroup files is slow.
constexpr Seconds kAskAgain{1};

}  // namespace

SlabPool::SlabPool(std::function<std::size_t()> headroom, std::size_t slab_bytes)
    : headroom_(std::move(headroom)), slab_bytes_(slab_bytes) {}

SlabPool::~SlabPool() = default;

std::uint8_t* SlabPool::take_locked(std::size_t bytes) {
  for (auto& [slab, space, empty_since] : owned_) {
    if (const auto offset = space.take(bytes)) return reinterpret_cast<std::uint8_t*>(slab->data() + *offset);
  }
  return nullptr;
}

std::uint8_t* SlabPool::allocate(std::size_t bytes) noexcept {
  if (is_parents_.load(std::memory_order_relaxed)) return nullptr;
  try {
    Lock lock(mutex_);
    if (auto* memory = take_locked(bytes)) return memory;
    if (!refused_.empty() && now() - refused_at_ < kAskAgain) return nullptr;
    grown_.wait(mutex_, [&]() FRESHFRAME_REQUIRES(mutex_) { return !growing_; });
    if (auto* memory = take_locked(bytes)) return memory;  // another thread has just created a slab
    growing_ = true;
    lock.unlock();
    grow(bytes);
    lock.lock();
    growing_ = false;
    grown_.notify_all();
    return take_locked(bytes);
  } catch (const std::exception&) {  // out of memory for the pool's own data
    return nullptr;
  }
}

// After four slabs of the usual size, each new one is a quarter of the total so far, so that sixteen
// descriptors suffice for gigabytes.
std::size_t SlabPool::next_size_locked(std::size_t bytes) const {
  std::size_t total = 0;
  for (const auto& owned : owned_) total += owned.slab->size();
  const auto size = std::max({slab_bytes_, FreeSpace::slot_size(bytes), total / 4});
  return (size + slab_bytes_ - 1) / slab_bytes_ * slab_bytes_;
}

// Creates a slab for at least `bytes`, or records why it cannot.
void SlabPool::grow(std::size_t bytes) noexcept try {
  std::size_t size = 0;
  std::uint32_t id = 0;
  std::string why;
  {
    const Lock lock(mutex_);
    if (owned_.size() >= kMostSlabs) {
      std::size_t total = 0;
      for (const auto& owned : owned_) total += owned.slab->size();
      why = "all " + std::to_string(kMostSlabs) + " slabs of shared frame memory are full, " +
            core::mebibytes_rounded_down(total) + " in total";
    }
    size = next_size_locked(bytes);
    id = next_id_++;
  }
  if (const auto left = headroom_(); why.empty() && left < size + kReserve) {
    why = "shared frame memory needs " + core::mebibytes_rounded_down(size) + " more and " +
          core::mebibytes_rounded_down(kReserve) + " beside them, but only " +
          core::mebibytes_rounded_down(left) + " are left before the OOM killer acts";
  }
  std::shared_ptr<const Slab> made;
  if (why.empty()) {
    try {
      made = std::make_shared<const Slab>(id, size);
    } catch (const Error& error) {
      why = error.what();
    }
  }
  const Lock lock(mutex_);
  refused_ = why;
  refused_at_ = now();
  if (!made) return;
  owned_.push_back({std::move(made), FreeSpace(size), {}});
  write_ranges_locked();
} catch (const std::exception&) {  // out of memory for the pool's own data: there is no new slab
}

void SlabPool::deallocate(std::uint8_t* memory) noexcept {
  if (is_parents_.load(std::memory_order_relaxed)) return;
  bool trims = false;
  {
    const Lock lock(mutex_);
    for (auto& [slab, space, empty_since] : owned_) {
      if (!slab->contains(memory)) continue;
      space.give(slab->find_offset(memory));
      if (space.all_free()) {
        empty_since = now();
        trims = !keeps_empty_;
      }
      break;
    }
  }
  if (trims) trim(TimePoint::max());
}

void SlabPool::keep_empty(bool keeps) {
  {
    const Lock lock(mutex_);
    keeps_empty_ = keeps;
  }
  if (!keeps) trim(TimePoint::max());
}

std::optional<SlabPlace> SlabPool::find(const void* address) const {
  const Lock lock(mutex_);
  for (const auto& owned : owned_) {
    if (owned.slab->contains(address)) return SlabPlace{owned.slab, owned.slab->find_offset(address)};
  }
  return std::nullopt;
}

std::vector<std::shared_ptr<const Slab>> SlabPool::slabs() const {
  const Lock lock(mutex_);
  std::vector<std::shared_ptr<const Slab>> result;
  for (const auto& owned : owned_) result.push_back(owned.slab);
  return result;
}

std::string SlabPool::why_refused() const {
  const Lock lock(mutex_);
  return refused_;
}

void SlabPool::trim(TimePoint before) {
  std::vector<Owned> empty;  // unmapped after the mutex is released
  const Lock lock(mutex_);
  const auto kept = std::stable_partition(owned_.begin(), owned_.end(), [&](const Owned& owned) {
    return !owned.space.all_free() || owned.empty_since > before;
  });
  if (kept == owned_.end()) return;
  empty.assign(std::make_move_iterator(kept), std::make_move_iterator(owned_.end()));
  owned_.erase(kept, owned_.end());
  write_ranges_locked();
}

void SlabPool::write_ranges_locked() noexcept {
  for (std::size_t i = 0; i < ranges_.size(); ++i) {
    const auto* slab = i < owned_.size() ? owned_[i].slab.get() : nullptr;
    ranges_[i].begin.store(slab != nullptr ? slab->data() : nullptr, std::memory_order_relaxed);
    ranges_[i].end.store(slab != nullptr ? slab->data() + slab->size() : nullptr, std::memory_order_relaxed);
  }
  generation_.fetch_add(1, std::memory_order_release);
}

bool SlabPool::owns(const void* address) const noexcept {
  const auto* const byte = static_cast<const std::byte*>(address);
  return std::any_of(ranges_.begin(), ranges_.end(), [&](const Range& range) {
    return byte >= range.begin.load(std::memory_order_relaxed) &&
           byte < range.end.load(std::memory_order_relaxed);
  });
}

namespace {

// After fork(), the child starts with new objects: threads that do not exist in it may hold the parent's
// mutexes.
struct OfProcess {
  const std::shared_ptr<SlabPool> pool = std::make_shared<SlabPool>([] { return memory_headroom(); });
  Mutex mutex{LockRank::Graph};  // held while the pools' own mutexes are locked
  int users FRESHFRAME_GUARDED_BY(mutex) = 0;
};

// The last generation belongs to this process, earlier ones to the processes it was forked from. Changed only
// in a child process while it has a single thread.
struct Generations {
  Generations() { all.push_back(std::make_unique<OfProcess>()); }
  std::vector<std::unique_ptr<OfProcess>> all;
};

std::vector<std::unique_ptr<OfProcess>>& processes() {
  return forks::ProcessWide<Generations>::get().all;
}

OfProcess& this_process() {
  return *processes().back();
}

}  // namespace

SlabPool& SlabPool::get_shared() {
  return *this_process().pool;
}

// Called in a forked child, which would otherwise write into its parent's images.
void SlabPool::leave_to_parent() {
  this_process().pool->is_parents_.store(true);
  processes().push_back(std::make_unique<OfProcess>());
}

// If there is no memory for this, the program cannot run at all.
// NOLINTNEXTLINE(bugprone-throwing-static-initialization)
const forks::InChild SlabPool::at_fork{&SlabPool::leave_to_parent};

bool SlabPool::is_inherited(const void* address) noexcept {
  const auto& all = processes();
  return std::any_of(all.begin(), all.end() - 1, [&](const auto& each) { return each->pool->owns(address); });
}

void SlabPool::begin_use() {
  auto& own = this_process();
  const Lock lock(own.mutex);
  if (++own.users > 1) return;
  own.pool->keep_empty(true);
  FramePool::get_shared().use(own.pool);
}

void SlabPool::end_use() noexcept {
  auto& own = this_process();
  const Lock lock(own.mutex);
  if (own.users == 0) return;  // the user was created in the parent process
  if (--own.users > 0) return;
  FramePool::get_shared().use(nullptr);
  own.pool->keep_empty(false);
}

}  // namespace freshframe::process
