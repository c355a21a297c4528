// Memory that workers read and only this process writes, divided into slots.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include "process/memory/memory_file.hpp"
#include "process/wire/descriptor.hpp"

namespace freshframe::process {

/// The free parts of a range of bytes. First fit from the lowest address, so that the high end becomes free.
/// Not thread-safe.
class FreeSpace {
 public:
  explicit FreeSpace(std::size_t bytes);

  /// A slot's size: whole pages, in eight steps from one power of two to the next, so that pictures of
  /// similar sizes fit into the same slots.
  [[nodiscard]] static std::size_t slot_size(std::size_t bytes) noexcept;

  /// The offset of a slot of slot_size(bytes); nothing: no part is large enough.
  std::optional<std::size_t> take(std::size_t bytes);
  /// Frees a slot that begins at `offset`.
  void give(std::size_t offset) noexcept;
  [[nodiscard]] bool all_free() const noexcept { return taken_.empty(); }

 private:
  std::map<std::size_t, std::size_t> free_;   // offset, size; no two touch
  std::map<std::size_t, std::size_t> taken_;  // offset, size
};

/// The only writable mapping of a sealed memory file: no other process can write to it, map it for writing,
/// change its size or punch holes into it, with any descriptor. Its pool manages its slots.
class Slab {
 public:
  /// Throws Error when the memory is not available.
  Slab(std::uint32_t id, std::size_t bytes);

  [[nodiscard]] std::uint32_t id() const noexcept { return id_; }
  [[nodiscard]] std::size_t size() const noexcept { return mapping_.size(); }
  [[nodiscard]] int descriptor() const noexcept { return file_.get(); }
  [[nodiscard]] std::byte* data() const noexcept { return mapping_.data(); }
  [[nodiscard]] bool contains(const void* address) const noexcept { return mapping_.contains(address); }
  [[nodiscard]] std::size_t offset_of(const void* address) const noexcept {
    return static_cast<std::size_t>(static_cast<const std::byte*>(address) - mapping_.data());
  }

 private:
  const std::uint32_t id_;
  Descriptor file_;
  Mapping mapping_;
};

}  // namespace freshframe::process
