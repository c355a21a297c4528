// The real and the simulated clock, and the names of the clocks of wall times.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/clock.hpp"

#include "freshframe/forks.hpp"
#include "freshframe/utc.hpp"

#include <array>
#include <cstddef>
#include <thread>

namespace freshframe {
namespace {

constexpr std::chrono::milliseconds kSimulationSlice{1};

class RealClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return std::chrono::steady_clock::now(); }

  bool wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition, TimePoint deadline,
                  const std::function<bool()>& ready) const override {
    if (deadline == TimePoint::max()) {
      condition.wait(lock, ready);
      return true;
    }
    return condition.wait_until(lock, deadline, ready);
  }
};

}  // namespace

std::chrono::steady_clock::duration to_duration(Seconds seconds) noexcept {
  using Duration = std::chrono::steady_clock::duration;
  constexpr auto kForEver = Duration::max() / 2;  // adding this to now() does not overflow
  if (!(seconds < Seconds(kForEver))) return kForEver;
  if (seconds < Seconds(-kForEver)) return -kForEver;
  return std::chrono::duration_cast<Duration>(seconds);
}

double Clock::unix_time(TimePoint time) const {
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  return (Seconds(wall) - Seconds(now() - time)).count();
}

bool Clock::sleep_until(TimePoint deadline, const std::stop_token& stop) const {
  std::mutex mutex;
  std::condition_variable condition;
  const std::stop_callback wake(stop, [&] {
    const std::lock_guard lock(mutex);
    condition.notify_all();
  });
  std::unique_lock lock(mutex);
  return !wait_until(lock, condition, deadline, [&] { return stop.stop_requested(); });
}

namespace {

struct OnlyRealClock {
  const std::shared_ptr<const Clock> clock = std::make_shared<const RealClock>();
};

}  // namespace

std::shared_ptr<const Clock> Clock::real() {
  return forks::ProcessWide<OnlyRealClock>::get().clock;
}

TimePoint SimulatedClock::now() const {
  return TimePoint(std::chrono::steady_clock::duration(now_.load(std::memory_order_acquire)));
}

double SimulatedClock::unix_time(TimePoint time) const {
  return unix_at_zero_.load(std::memory_order_acquire) + Seconds(time.time_since_epoch()).count();
}

void SimulatedClock::set_wall_clock(double unix_seconds) {
  unix_at_zero_.store(unix_seconds - Seconds(now().time_since_epoch()).count(), std::memory_order_release);
}

bool SimulatedClock::wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                                TimePoint deadline, const std::function<bool()>& ready) const {
  sleepers_.fetch_add(1);
  while (!ready() && now() < deadline) condition.wait_for(lock, kSimulationSlice);
  sleepers_.fetch_sub(1);
  return ready();
}

void SimulatedClock::advance(Seconds by) {
  now_.fetch_add(to_duration(by).count(), std::memory_order_acq_rel);
}

void SimulatedClock::wait_for_sleepers(int count) const {
  while (sleepers_.load() < count) std::this_thread::sleep_for(kSimulationSlice);
}

namespace {

constexpr std::array<std::string_view, kUtcFroms> kNames = {"none",   "arrival", "file",
                                                            "device", "camera",  "browser"};

}  // namespace

std::string_view to_string(UtcFrom from) noexcept {
  return kNames[static_cast<std::size_t>(from)];
}

}  // namespace freshframe
