// Uses ppoll(), because poll() could be up to 1 ms late.
// SPDX-License-Identifier: Apache-2.0
#include "platform/wait.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <ctime>
#include <vector>

#include <poll.h>

namespace freshframe::platform {
namespace {

bool poll_all(std::span<pollfd> polled, std::span<Awaited> descriptors, const timespec& limit) {
  std::ranges::transform(descriptors, polled.begin(), [](const Awaited& each) {
    const int events = (each.to_read ? POLLIN : 0) | (each.to_write ? POLLOUT : 0);
    return pollfd{.fd = each.descriptor, .events = static_cast<short>(events), .revents = 0};
  });
  const bool is_ready = ::ppoll(polled.data(), polled.size(), &limit, nullptr) > 0;
  for (std::size_t i = 0; i < polled.size(); ++i)
    descriptors[i].is_ready = is_ready && polled[i].revents != 0;
  return is_ready;
}

}  // namespace

bool wait_for_any(std::span<Awaited> descriptors, std::chrono::nanoseconds at_most) {
  constexpr std::chrono::nanoseconds::rep kSecond = 1'000'000'000;
  const auto time = std::max<std::chrono::nanoseconds::rep>(at_most.count(), 0);
  const timespec limit{.tv_sec = time / kSecond, .tv_nsec = time % kSecond};
  std::array<pollfd, 8> few{};  // enough for one connection, without an allocation
  if (descriptors.size() <= few.size())
    return poll_all(std::span(few).first(descriptors.size()), descriptors, limit);
  std::vector<pollfd> many(descriptors.size());
  return poll_all(many, descriptors, limit);
}

}  // namespace freshframe::platform
