// Serialized values: bytes in several parts, of a kind that the embedder defines.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "process/wire/messages.hpp"

namespace freshframe::process {

/// A value to send. `keeps` owns the memory of the parts.
struct EncodedValue {
  std::uint8_t kind = kNoValue;
  std::vector<std::span<const std::byte>> parts;
  std::shared_ptr<const void> keeps;

  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] std::vector<std::uint64_t> sizes() const;
  /// Writes the parts consecutively.
  void copy_to(std::byte* memory) const noexcept;
};

/// A received value, which owns its memory.
class ReceivedValue {
 public:
  ReceivedValue() noexcept = default;
  /// The caller fills in the bytes. Throws ProtocolError if the size exceeds `limit`.
  ReceivedValue(const ValueMessage& message, std::uint64_t limit);

  [[nodiscard]] std::uint8_t kind() const noexcept { return kind_; }
  [[nodiscard]] std::span<std::byte> bytes() noexcept { return {bytes_.get(), size_}; }
  [[nodiscard]] std::vector<std::span<const std::byte>> parts() const;

 private:
  std::uint8_t kind_ = kNoValue;
  std::vector<std::uint64_t> sizes_;
  std::size_t size_ = 0;
  std::unique_ptr<std::byte[]> bytes_;
};

}  // namespace freshframe::process
