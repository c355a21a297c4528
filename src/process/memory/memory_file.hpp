// Anonymous memory that can be passed to another process: memfds, seals and mappings.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "process/wire/descriptor.hpp"

namespace freshframe::process {

/// What a seal forbids to other holders of the file.
enum class Sealed {
  Size,       // no resizing: for a worker's results
  Writing,    // no writing at all: for a message that is written once
  NewWriters  // no writing except through the existing mapping: for images
};

/// A memfd with `bytes` of allocated memory, so that a lack of memory is an Error here and not a SIGBUS
/// later.
[[nodiscard]] Descriptor make_memory_file(const char* name, std::size_t bytes);
/// Permanent: seals cannot be added or removed afterwards.
void seal(const Descriptor& file, Sealed what);
/// A sealed memory file that contains `bytes`.
[[nodiscard]] Descriptor make_message_file(std::span<const std::byte> bytes);
/// Reads `into.size()` bytes at `offset`. Returns false if the file is shorter or cannot be read.
[[nodiscard]] bool read_file(int file, std::span<std::byte> into, std::uint64_t offset = 0) noexcept;
/// Returns 0 if unknown.
[[nodiscard]] std::size_t file_size(int file) noexcept;

/// A mapping of a whole memory file.
class Mapping {
 public:
  enum class Access { ReadOnly, ReadWrite };

  Mapping() noexcept = default;
  /// Throws Error. With `populate`, all pages are allocated immediately.
  Mapping(int file, std::size_t bytes, Access access, bool populate = false);
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();

  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool contains(const void* address) const noexcept {
    return address >= data_ && address < data_ + size_;
  }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace freshframe::process
