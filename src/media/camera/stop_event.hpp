// A descriptor that becomes readable when the pipeline stops, for waits in poll().
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <cstdint>
#include <stop_token>
#include <system_error>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

namespace freshframe::media {

class StopEvent {
 public:
  explicit StopEvent(std::stop_token stop) : callback_(std::move(stop), Write{event_.descriptor}) {}
  StopEvent(const StopEvent&) = delete;
  StopEvent& operator=(const StopEvent&) = delete;

  [[nodiscard]] int descriptor() const noexcept { return event_.descriptor; }

 private:
  struct Event {
    Event() : descriptor(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
      if (descriptor < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
    }
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;
    ~Event() { ::close(descriptor); }
    int descriptor;
  };
  struct Write {
    int descriptor;
    void operator()() const noexcept {
      const std::uint64_t one = 1;
      // Cannot fail: the counter is far from its limit.
      [[maybe_unused]] const auto written = ::write(descriptor, &one, sizeof one);
    }
  };

  Event event_;  // outlives callback_, which writes to it
  std::stop_callback<Write> callback_;
};

}  // namespace freshframe::media
