// Memory without a name that another process can be given: memfds, their seals and mappings.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "process/wire/descriptor.hpp"

namespace freshframe::process {

/// What the holders of a memory file can no longer do to it.
enum class Sealed {
  Size,       // shrink or grow it: a worker's results
  Writing,    // write to it at all: what is told once
  NewWriters  // write to it, but for the mapping that is there already: pictures
};

/// A memfd of `bytes` bytes that are really there: too little memory is an Error here and no SIGBUS later.
[[nodiscard]] Descriptor make_memory_file(const char* name, std::size_t bytes);
/// For ever; nobody can add or take a seal afterwards.
void seal(const Descriptor& file, Sealed what);
/// A sealed memory file that holds `bytes`.
[[nodiscard]] Descriptor make_message_file(std::span<const std::byte> bytes);
/// Reads `into.size()` bytes from the file's begin. False: it has fewer, or cannot be read.
[[nodiscard]] bool read_file(int file, std::span<std::byte> into) noexcept;
/// Bytes of the file; 0 when that cannot be told.
[[nodiscard]] std::size_t file_size(int file) noexcept;

/// A mapping of a whole memory file.
class Mapping {
 public:
  enum class Access { ReadOnly, ReadWrite };

  Mapping() noexcept = default;
  /// Throws Error. With `populate`, all of its pages are there at once.
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
