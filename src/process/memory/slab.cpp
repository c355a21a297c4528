// Slabs and their free space.
// SPDX-License-Identifier: Apache-2.0
#include "process/memory/slab.hpp"

#include <algorithm>
#include <bit>
#include <iterator>

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
  taken_.emplace(offset, size);
  if (length > size) free_.emplace(offset + size, length - size);
  free_.erase(offset);
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
    node.mapped() = end - offset;  // the taken slot's own node: no allocation is needed
    free_.insert(std::move(node));
  }
}

Slab::Slab(std::uint32_t id, std::size_t bytes)
    : id_(id),
      file_(make_memory_file("freshframe-pictures", bytes)),
      mapping_(file_.get(), bytes, Mapping::Access::ReadWrite, true) {
  seal(file_, Sealed::NewWriters);
}

}  // namespace freshframe::process
