// The first two numbers of a thread's schedstat, in nanoseconds.
// SPDX-License-Identifier: Apache-2.0
#include "core/why/thread_times.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace freshframe::core {

std::optional<ThreadTimes> thread_times(const std::string& task) {
  const int file = ::open((task + "/schedstat").c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::nullopt;
  std::array<char, 128> bytes{};  // "COMPUTED QUEUED TURNS"
  const auto got = ::read(file, bytes.data(), bytes.size());
  ::close(file);
  if (got <= 0) return std::nullopt;
  const auto* next = bytes.data();
  const auto* const end = next + got;
  ThreadTimes out;
  for (double* const each : {&out.computed, &out.waited}) {
    std::uint64_t nanoseconds = 0;
    const auto number = std::from_chars(next, end, nanoseconds);
    if (number.ec != std::errc{} || number.ptr == end) return std::nullopt;
    *each = static_cast<double>(nanoseconds) * 1e-9;
    next = number.ptr + 1;
  }
  return out;
}

}  // namespace freshframe::core
