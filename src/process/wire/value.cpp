// Serialization of values.
// SPDX-License-Identifier: Apache-2.0
#include "process/wire/value.hpp"

#include <cstring>
#include <string>

namespace freshframe::process {

std::size_t EncodedValue::size() const noexcept {
  std::size_t total = 0;
  for (const auto& part : parts) total += part.size();
  return total;
}

std::vector<std::uint64_t> EncodedValue::sizes() const {
  std::vector<std::uint64_t> result;
  for (const auto& part : parts) result.push_back(part.size());
  return result;
}

void EncodedValue::copy_to(std::byte* memory) const noexcept {
  for (const auto& part : parts) {
    if (!part.empty()) std::memcpy(memory, part.data(), part.size());
    memory += part.size();
  }
}

ReceivedValue::ReceivedValue(const ValueMessage& message, std::uint64_t limit)
    : kind_(message.kind), sizes_(message.parts) {
  const auto size = message.size();
  if (size > limit) {
    throw ProtocolError("a value may have at most " + std::to_string(limit) + " bytes, got " +
                        std::to_string(size));
  }
  size_ = static_cast<std::size_t>(size);
  bytes_ = std::make_unique_for_overwrite<std::byte[]>(size_);
  if (!message.shared && size_ > 0) std::memcpy(bytes_.get(), message.bytes.data(), size_);
}

std::vector<std::span<const std::byte>> ReceivedValue::parts() const {
  std::vector<std::span<const std::byte>> result;
  std::size_t offset = 0;
  for (const auto size : sizes_) {
    result.emplace_back(bytes_.get() + offset, static_cast<std::size_t>(size));
    offset += static_cast<std::size_t>(size);
  }
  return result;
}

}  // namespace freshframe::process
