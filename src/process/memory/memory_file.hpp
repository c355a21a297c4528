// Memory without a name that can be passed to another process: memfds, their seals and mappings.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "process/wire/descriptor.hpp"

namespace freshframe::process {

/// The operations that a seal forbids to the holders of a memory file.
enum class Sealed {
  Size,       // shrink or grow it: a worker's results
  Writing,    // write to it at all: for a message that is written once
  NewWriters  // write to it, except through the existing mapping: pictures
};

/// A memfd of `bytes` allocated bytes: a lack of memory is an Error here and not a SIGBUS later.
[[nodiscard]] Descriptor make_memory_file(const char* name, std::size_t bytes);
/// Permanent: no seal can be added or removed afterwards.
void seal(const Descriptor& file, Sealed what);
/// A sealed memory file with the content `bytes`.
[[nodiscard]] Descriptor make_message_file(std::span<const std::byte> bytes);
/// Reads `into.size()` bytes from the file's start. False means it has fewer, or cannot be read.
[[nodiscard]] bool read_file(int file, std::span<std::byte> into, std::uint64_t offset = 0) noexcept;
/// Size of the file in bytes; 0 means unknown.
[[nodiscard]] std::size_t file_size(int file) noexcept;

/// A mapping of a whole memory file.
class Mapping {
 public:
  enum class Access { ReadOnly, ReadWrite };

  Mapping() noexcept = default;
  /// Throws Error. With `populate`, all of its pages are present at once.
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
