// getrandom().
// SPDX-License-Identifier: Apache-2.0
#include "platform/random.hpp"

#include <cerrno>
#include <string_view>
#include <system_error>
#include <vector>

#include <sys/random.h>

namespace freshframe::platform {
namespace {

/// Returns errno, or 0.
int fill(std::span<std::byte> bytes, unsigned flags) noexcept {
  while (!bytes.empty()) {
    const auto count = ::getrandom(bytes.data(), bytes.size(), flags);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return 0;
}

}  // namespace

void secret_bytes(std::span<std::byte> bytes) {
  const int error = fill(bytes, 0);
  if (error != 0) throw std::system_error(error, std::generic_category(), "the system has no random bytes");
}

bool random_bytes(std::span<std::byte> bytes) noexcept {
  return fill(bytes, GRND_NONBLOCK) == 0;
}

std::string random_hex(std::size_t bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::vector<std::byte> random(bytes);
  static_cast<void>(random_bytes(random));
  std::string digits;
  for (const auto byte : random) {
    digits += kDigits[std::to_integer<unsigned>(byte) >> 4U];
    digits += kDigits[std::to_integer<unsigned>(byte) & 15U];
  }
  return digits;
}

}  // namespace freshframe::platform
