// The module freshframe._lab: small pieces of native work that hold or release the GIL, as the caller chooses.
// SPDX-License-Identifier: Apache-2.0
//
// The labs repeat the work of the write-ups. A lab measures the progress of other threads meanwhile.
#include <freshframe/gil.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;
namespace gil = freshframe::gil;

namespace {

using Array = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Clock = std::chrono::steady_clock;

constexpr double kLongest = 60.0;  // seconds; a call cannot be interrupted

std::chrono::nanoseconds checked(double seconds) {
  if (!(seconds >= 0 && seconds <= kLongest)) {
    throw std::invalid_argument("seconds must be between 0 and 60, got " + std::to_string(seconds));
  }
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(seconds));
}

std::uint64_t fibonacci_number(std::uint64_t n) {
  std::uint64_t a = 0;
  std::uint64_t b = 1;
  for (std::uint64_t i = 0; i < n; ++i) {
    const std::uint64_t c = a + b;  // wraps around: the numbers only keep the processor busy
    a = b;
    b = c;
  }
  return a;
}

// CPU time of this thread: it does not depend on other threads on the same core.
std::chrono::nanoseconds thread_time() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

void burn(std::chrono::nanoseconds time) {
  const auto end = thread_time() + time;
  while (thread_time() < end) {
  }
}

void rest(std::chrono::nanoseconds time) {
  std::this_thread::sleep_for(time);
}

// Not inlined: g++ 12 would then move the sum through a general register with every addition, which takes
// five times as long.
[[gnu::noinline]] double plain_sum(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum;
}

// ---- bound functions

std::uint64_t fibonacci(gil::Held& held, std::uint64_t n, bool release) {
  return release ? gil::release(
                       held, [](std::uint64_t number) { return fibonacci_number(number); }, n)
                 : fibonacci_number(n);
}

void compute(gil::Held& held, double seconds, bool release) {
  const auto time = checked(seconds);
  release ? gil::release(held, [](std::chrono::nanoseconds t) { burn(t); }, time) : burn(time);
}

void wait(gil::Held& held, double seconds, bool release) {
  const auto time = checked(seconds);
  release ? gil::release(held, [](std::chrono::nanoseconds t) { rest(t); }, time) : rest(time);
}

double sum(gil::Held& held, const Array& values, bool release) {
  const std::span span(values.data(), values.size());
  return release ? gil::release(
                       held, [](std::span<const double> v) { return plain_sum(v); }, span)
                 : plain_sum(span);
}

// A long function with one expensive part, and the three ways to bind it.
struct Expensive {
  std::uint64_t n;
  std::chrono::nanoseconds time;
  bool computes;
};

std::uint64_t cheap_part(Expensive work) {
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < work.n; ++i) sum += i;
  return sum;
}

void expensive_part(Expensive work) {
  work.computes ? burn(work.time) : rest(work.time);
}

std::uint64_t both_parts(Expensive work) {
  const std::uint64_t sum = cheap_part(work);
  expensive_part(work);
  return sum;
}

std::uint64_t call_held(gil::Held& /*held*/, std::uint64_t n, double seconds, bool computes) {
  return both_parts({n, checked(seconds), computes});
}

std::uint64_t call_guarded(gil::Released& /*released*/, std::uint64_t n, double seconds, bool computes) {
  return both_parts({n, checked(seconds), computes});
}

std::uint64_t call_scoped(gil::Held& held, std::uint64_t n, double seconds, bool computes) {
  const Expensive work{n, checked(seconds), computes};
  const std::uint64_t sum = cheap_part(work);
  gil::release(held, [](Expensive released_work) { expensive_part(released_work); }, work);
  return sum;
}

struct Asking {
  std::size_t most;
  std::chrono::nanoseconds period;
  std::chrono::nanoseconds limit;
};

// Writes the waits into `waits`.
void ask_again_and_again(gil::Released& released, const Asking& asking, std::vector<double>& waits) {
  const auto end = Clock::now() + asking.limit;
  while (waits.size() < asking.most && Clock::now() < end) {
    std::this_thread::sleep_for(asking.period);
    const auto asked = Clock::now();
    gil::acquire(released, [&](gil::Held& /*held*/) {
      waits.push_back(std::chrono::duration<double>(Clock::now() - asked).count());
    });
  }
}

std::vector<double> ask_on_a_native_thread(const Asking& asking) {
  std::vector<double> waits;
  waits.reserve(asking.most);
  std::thread thread(gil::native_thread, &ask_again_and_again, asking, std::ref(waits));
  thread.join();
  return waits;
}

std::vector<double> gil_waits(gil::Held& held, std::size_t most, double period, double limit) {
  return gil::release(held, &ask_on_a_native_thread, Asking{most, checked(period), checked(limit)});
}

// A pipe between two threads: one byte is one turn.
class Pipe {
 public:
  Pipe() {
    if (pipe2(ends_.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe2");
  }
  ~Pipe() {
    close(ends_[0]);
    close(ends_[1]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  void give() const {
    const char turn = 0;
    while (write(ends_[1], &turn, 1) < 0 && errno == EINTR) {
    }
  }
  void take() const {
    char turn = 0;
    while (read(ends_[0], &turn, 1) < 0 && errno == EINTR) {
    }
  }

 private:
  std::array<int, 2> ends_{};
};

constexpr int kTurns = 100;  // per time that is returned: a clock reading costs as much as a system call

// All threads of a switch run on this core. Fails without effect where the process may not use it.
void stay_on(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(core), &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

// A turn goes to the other thread and comes back, which are two switches. Each waits in the kernel meanwhile.
std::vector<double> switch_threads(std::chrono::nanoseconds limit, bool one_core) {
  const Pipe there;
  const Pipe back;
  const int core = sched_getcpu();
  std::atomic<bool> ended = false;
  std::thread other([&] {
    if (one_core) stay_on(core);
    for (there.take(); !ended; there.take()) back.give();
  });
  std::vector<double> times;
  std::thread first([&] {
    if (one_core) stay_on(core);
    const auto end = Clock::now() + limit;
    for (auto began = Clock::now(); began < end;) {
      for (int turn = 0; turn < kTurns; ++turn) {
        there.give();
        back.take();
      }
      const auto now = Clock::now();
      times.push_back(std::chrono::duration<double>(now - began).count() / (2 * kTurns));
      began = now;
    }
    ended = true;
    there.give();
  });
  first.join();
  other.join();
  return times;
}

std::vector<double> context_switches(gil::Held& held, double seconds, bool one_core) {
  return gil::release(held, &switch_threads, checked(seconds), one_core);
}

}  // namespace

NB_MODULE(_lab, module) {
  using nb::literals::operator""_a;
  module.doc() = "Native work of `freshframe lab`; not for other programs.";
  module.def(
      "fibonacci", gil::entry<&fibonacci>, "n"_a, "release"_a,
      "The n-th Fibonacci number modulo 2**64, one addition after the other.\n\nGIL: released if `release` "
      "is true.");
  module.def("compute", gil::entry<&compute>, "seconds"_a, "release"_a,
             "Keeps a core busy for `seconds` of CPU time, at most 60.\n\nGIL: released if `release` is "
             "true.");
  module.def("wait", gil::entry<&wait>, "seconds"_a, "release"_a,
             "Waits for a device that needs `seconds`, at most 60.\n\nGIL: released if `release` is true.");
  module.def("sum", gil::entry<&sum>, nb::arg("values").noconvert(), "release"_a,
             "Adds float64 values one after the other, in one accumulator.\n\nGIL: released if `release` "
             "is true.");
  module.def("call_held", gil::entry<&call_held>, "n"_a, "seconds"_a, "computes"_a,
             "Sums 0 to n - 1, then waits or computes for `seconds`.");
  module.def("call_guarded", gil::entry<&call_guarded>, "n"_a, "seconds"_a, "computes"_a,
             "Does the work of call_held() without the GIL.\n\nGIL: released.");
  module.def("call_scoped", gil::entry<&call_scoped>, "n"_a, "seconds"_a, "computes"_a,
             "Does the work of call_held(), the second part without the GIL.\n\nGIL: released.");
  module.def("gil_waits", gil::entry<&gil_waits>, "most"_a, "period"_a, "limit"_a,
             "The times for which a native thread waits for the GIL, in seconds.\n\nThe thread requests "
             "the GIL every `period` seconds, at most `most` times, and not again after `limit` "
             "seconds.\n\nGIL: released.");
  module.def("context_switches", gil::entry<&context_switches>, "seconds"_a, "one_core"_a,
             "Seconds from a native thread to another that waits in the kernel, each a mean of 200 "
             "switches.\n\nTwo threads hand a byte to and fro through pipes for `seconds`, on one core or "
             "on any.\n\nGIL: released.");
}
