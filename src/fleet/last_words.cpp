// Records why an agent process died, from its signal handlers.
// SPDX-License-Identifier: Apache-2.0
#include "fleet/last_words.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <ctime>
#include <system_error>
#include <utility>

#include "core/thread_begin.hpp"
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace freshframe::fleet {
namespace {

// SIGTRAP is raised by __builtin_trap() on aarch64, SIGILL on x86.
constexpr std::array kFatal{SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};
constexpr std::size_t kSlots = 4096;
constexpr std::size_t kStack = 64U << 10;  // bytes, for all handlers including Python's
constexpr int kPatience = 100;             // milliseconds to wait for another thread that is writing

struct Slot {
  std::atomic<bool> taken{false};
  std::atomic<std::uint64_t> epoch{0};
  std::atomic<std::uint32_t> camera{0};

  [[nodiscard]] bool belongs_to(Run run) const noexcept {
    return taken && epoch == run.epoch && camera == run.camera;
  }
};

// Never destroyed, because signal handlers use it.
struct Process {
  LastWords* page = nullptr;
  long pid = 0;
  long slack = 0;  // timer slack of threads without a run
  std::atomic<std::size_t> cursor{0};
  std::array<Slot, kSlots> slots{};
  std::array<struct sigaction, kFatal.size()> before{};
};
Process process_now;

long read_timer_slack() noexcept {
  return ::syscall(SYS_prctl, PR_GET_TIMERSLACK, 0, 0, 0, 0);
}

/// The alternate signal stack of a thread, see Note [Alternate stacks]. Exists until the thread ends.
class AlternateStack {
 public:
  AlternateStack() noexcept {
    stack_t before{};
    // the thread has one already
    if (::sigaltstack(nullptr, &before) != 0 || (before.ss_flags & SS_DISABLE) == 0) return;
    void* const memory =
        ::mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED) return;
    stack_.ss_sp = memory;
    stack_.ss_size = kStack;
    if (::sigaltstack(&stack_, nullptr) != 0) free();
  }
  AlternateStack(const AlternateStack&) = delete;
  AlternateStack& operator=(const AlternateStack&) = delete;
  ~AlternateStack() {
    if (stack_.ss_sp == nullptr) return;
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    ::sigaltstack(&none, nullptr);
    free();
  }

 private:
  void free() noexcept { ::munmap(std::exchange(stack_.ss_sp, nullptr), kStack); }

  stack_t stack_{};
};

void give_alternate_stack() noexcept {
  static thread_local const AlternateStack alternate_stack;
}

/// Another thread is writing its record. It ends with the process that this thread is about to end.
void wait_for_words(const std::atomic_ref<std::uint32_t>& said) noexcept {
  const timespec millisecond{0, 1'000'000};
  for (int i = 0; i < kPatience && said.load() == LastWords::Nothing; ++i) {
    static_cast<void>(::nanosleep(&millisecond, nullptr));
  }
}

/// Async-signal-safe. Only the first call has an effect, because other threads may crash while the process
/// ends.
void say(LastWords::Kind kind, std::uint32_t number) noexcept {
  auto& process = process_now;
  if (process.page == nullptr || ::syscall(SYS_getpid) != process.pid)
    return;  // a forked child shares the page
  const std::atomic_ref said(process.page->said);
  if (std::atomic_ref(process.page->begun).exchange(1) != 0) return wait_for_words(said);
  const auto slot = read_timer_slack() - process.slack - 1;
  if (kind == LastWords::Fault && slot >= 0 && slot < static_cast<long>(kSlots)) {
    const auto& words = process.slots[static_cast<std::size_t>(slot)];
    process.page->camera = words.camera.load();
    process.page->epoch = words.epoch.load();
  }
  process.page->number = number;
  said.store(kind);
}

void call_before(int number, siginfo_t* info, void* context) noexcept {
  for (std::size_t i = 0; i < kFatal.size(); ++i) {
    if (kFatal.at(i) != number) continue;
    const auto& before = process_now.before.at(i);
    if ((before.sa_flags & SA_SIGINFO) != 0) {
      before.sa_sigaction(number, info, context);
    } else if (before.sa_handler == SIG_DFL) {
      ::sigaction(number, &before, nullptr);
      static_cast<void>(::raise(number));  // the signal is delivered when this handler returns
    } else if (before.sa_handler != SIG_IGN) {
      before.sa_handler(number);
    }
  }
}

void handle(int number, siginfo_t* info, void* context) {
  const int error = errno;
  // With kill(2), the receiving thread is arbitrary, so it is not recorded.
  if (info == nullptr || info->si_code != SI_USER) say(LastWords::Fault, static_cast<std::uint32_t>(number));
  errno = error;
  call_before(number, info, context);
}

}  // namespace

void keep_last_words(process::Descriptor page) {
  auto* const memory = ::mmap(nullptr, sizeof(LastWords), PROT_READ | PROT_WRITE, MAP_SHARED, page.get(), 0);
  if (memory == MAP_FAILED) {
    throw Error("cannot map the page of an agent: " + std::generic_category().message(errno));
  }
  auto& process = process_now;
  process.pid = ::syscall(SYS_getpid);
  process.slack = read_timer_slack();
  process.page = static_cast<LastWords*>(memory);
  core::on_thread_begin(&give_alternate_stack);
  for (std::size_t i = 0; i < kFatal.size(); ++i) {
    struct sigaction action{};
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    ::sigaction(kFatal.at(i), &action, &process.before.at(i));
  }
  static_cast<void>(std::atexit([] { say_fault(0); }));
}

void open_slot(Run run) noexcept {
  auto& process = process_now;
  if (process.page == nullptr) return;
  for (std::size_t tried = 0; tried < kSlots; ++tried) {
    auto& slot = process.slots.at(process.cursor.fetch_add(1) % kSlots);
    if (slot.taken.exchange(true)) continue;
    slot.camera = run.camera;
    slot.epoch = run.epoch;
    return;
  }
}

void enter_run(Run run) noexcept {
  const auto& process = process_now;
  if (process.page == nullptr) return;
  give_alternate_stack();
  if (process.slack <= 0) return;
  const auto slot =
      std::ranges::find_if(process.slots, [&](const Slot& each) { return each.belongs_to(run); });
  if (slot == process.slots.end()) return;
  const auto number = static_cast<long>(slot - process.slots.begin());
  static_cast<void>(::prctl(PR_SET_TIMERSLACK, process.slack + 1 + number, 0, 0, 0));
}

void leave_run() noexcept {
  if (process_now.page == nullptr || process_now.slack <= 0) return;
  static_cast<void>(::prctl(PR_SET_TIMERSLACK, process_now.slack, 0, 0, 0));
}

void forget_slot(Run run) noexcept {
  for (auto& slot : process_now.slots) {
    if (slot.belongs_to(run)) slot.taken = false;
  }
}

void say_fault(std::uint32_t number) noexcept {
  say(LastWords::Fault, number);
}

void say_end_in_order(std::uint32_t status) noexcept {
  say(LastWords::InOrder, status);
}

}  // namespace freshframe::fleet
