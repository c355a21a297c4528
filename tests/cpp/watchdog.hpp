// Ends a test that hangs. All limits are longer if many threads compete for the CPUs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FRESHFRAME_TEST_SANITIZED 1
#else
#define FRESHFRAME_TEST_SANITIZED 0
#endif

namespace freshframe::test {

inline constexpr bool kSanitized = FRESHFRAME_TEST_SANITIZED != 0;

/// Returns the load average per CPU, from the content of /proc/loadavg, clamped to 1 .. 30. Async-signal-safe, because
/// a signal handler calls it.
constexpr unsigned crowd_of(std::string_view loads, unsigned processors) noexcept {
  constexpr unsigned kMost = 30;
  unsigned load = 0;
  for (const char digit : loads) {
    if (digit < '0' || digit > '9' || load > 100'000) break;
    load = load * 10 + static_cast<unsigned>(digit - '0');
  }
  return std::clamp(load / std::max(processors, 1U), 1U, kMost);
}

/// Kills the process when a test exceeds its limit, so that a hang fails and the failure names the test.
class Watchdog final : public ::testing::EmptyTestEventListener {
 public:
  static constexpr unsigned kSeconds = kSanitized ? 120 : 30;
  /// Returns the factor for all limits, which is larger under QEMU.
  static unsigned patience() {
    const char* const said = std::getenv("FRESHFRAME_TEST_PATIENCE");
    return said == nullptr ? 1 : static_cast<unsigned>(std::max(std::atoi(said), 1));
  }

  void OnTestStart(const ::testing::TestInfo& info) override {
    const std::string name =
        std::string("\nwatchdog: ") + info.test_suite_name() + "." + info.name() + " hangs\n";
    std::strncpy(message_, name.c_str(), sizeof message_ - 1);
    length_ = std::strlen(message_);
    std::signal(SIGALRM, &Watchdog::bark);
    watch(kSeconds);
  }
  void OnTestEnd(const ::testing::TestInfo& /*info*/) override { ::alarm(0); }

  static void watch(unsigned seconds) {
    ended_limits_ = 0;
    limit_ = patience() * seconds;
    ::alarm(limit_);
  }

 private:
  // A signal handler may only call async-signal-safe functions, such as open(), read(), write() and alarm().
  static void bark(int /*signal*/) {
    const int error = errno;
    if (++ended_limits_ < crowd()) {
      ::alarm(limit_);
      errno = error;
      return;
    }
    // Only tests the result because the compiler warns if it is ignored.
    if (::write(STDERR_FILENO, message_, length_) < 0) ::_exit(125);
    std::abort();
  }

  static unsigned crowd() noexcept {
    const int file = ::open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
    if (file < 0) return 1;
    std::array<char, 32> text{};
    const auto size = ::read(file, text.data(), text.size());
    ::close(file);
    return size <= 0 ? 1 : crowd_of({text.data(), static_cast<std::size_t>(size)}, processors_);
  }

  inline static char message_[256] = {};
  inline static std::size_t length_ = 0;
  inline static unsigned limit_ = kSeconds;  // seconds
  inline static unsigned ended_limits_ = 0;  // since the start of the test
  inline static const unsigned processors_ = std::thread::hardware_concurrency();
};

/// Raises the time limit of the running test; for stress tests.
inline void extend_watchdog(unsigned seconds) {
  Watchdog::watch(kSanitized ? seconds * 2 : seconds);
}

// GoogleTest owns the listener; gtest_main offers no other moment to register one.
inline const bool kWatchdogRegistered = [] {
  ::testing::UnitTest::GetInstance()->listeners().Append(std::make_unique<Watchdog>().release());
  return true;
}();

}  // namespace freshframe::test
