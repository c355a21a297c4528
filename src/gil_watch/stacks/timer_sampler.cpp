// The timer, the signal's handler and the one slot that it writes to.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/stacks/timer_sampler.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>

#include "gil_watch/stacks/memory.hpp"
#include "gil_watch/stacks/registers.hpp"
#include "gil_watch/stacks/task_state.hpp"
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace freshframe::gil {
namespace {

constexpr std::size_t kCopiedStackBytes = std::size_t{64} * 1024;
constexpr long kAfterNs =
    20'000;  // of the thread's CPU time; the kernel checks at its ticks, 1 to 10 ms apart

// One slot, static: a handler may run after the end of the sampler. state: the owner of the rest.
struct Slot {
  std::atomic<std::uint32_t> wanted{0};  // ticket of the requested sample; 0: none. The handler takes it
  std::atomic<std::uint32_t> done{0};    // ticket of the finished sample
  std::array<std::uint64_t, kRegisters> registers{};
  std::array<std::byte, kCopiedStackBytes> stack{};
  std::size_t stack_size = 0;
  Witness witness;
  std::uint64_t witnessed = 0;
};

constinit Slot the_slot;

std::atomic<bool> in_use{false};
std::atomic<int> chosen_signal{0};
std::uint32_t last_ticket = 0;  // only the thread that uses the sampler touches it

// Async-signal-safe: no lock, no allocation; errno is kept by read_up_to.
void on_signal(int /*number*/, siginfo_t* info, void* context) {
  if (info->si_code != SI_TIMER) return;
  Slot& mine = the_slot;
  auto ticket = static_cast<std::uint32_t>(info->si_value.sival_int);
  const std::uint32_t wanted = ticket;
  if (wanted == 0 || !mine.wanted.compare_exchange_strong(ticket, 0, std::memory_order_acquire)) return;
  copy_registers(*static_cast<ucontext_t*>(context), mine.registers);
  mine.stack_size = read_up_to(mine.registers[kStackRegister], mine.stack);
  if (mine.witness.look != nullptr) mine.witnessed = mine.witness.look(mine.witness.context);
  mine.done.store(wanted, std::memory_order_release);
}

// A signal without a handler, from the highest down: programs use the lower ones first.
int install() {
  for (int number = SIGRTMAX - 1; number > SIGRTMIN; --number) {
    struct sigaction present{};
    if (::sigaction(number, nullptr, &present) != 0) continue;
    if ((present.sa_flags & SA_SIGINFO) != 0 || present.sa_handler != SIG_DFL) continue;
    struct sigaction ours{};
    ours.sa_sigaction = &on_signal;
    ours.sa_flags = SA_RESTART | SA_SIGINFO | SA_ONSTACK;
    sigfillset(&ours.sa_mask);
    if (::sigaction(number, &ours, nullptr) == 0) return number;
  }
  return 0;
}

bool still_ours(int number) {
  struct sigaction present{};
  return number != 0 && ::sigaction(number, nullptr, &present) == 0 && (present.sa_flags & SA_SIGINFO) != 0 &&
         present.sa_sigaction == &on_signal;
}

}  // namespace

void TimerSampler::release() {
  disarm();
  if (acquired_) in_use.store(false);
  acquired_ = false;
}

bool TimerSampler::acquire() {
  if (acquired_) return true;
  if (in_use.exchange(true)) return false;
  if (!still_ours(chosen_signal.load())) chosen_signal.store(install());
  acquired_ = chosen_signal.load() != 0;
  if (!acquired_) in_use.store(false);
  return acquired_;
}

void TimerSampler::forget() {
  the_slot.wanted.store(0);
  in_use.store(false);
}

bool TimerSampler::arm(pid_t thread, const Witness& witness) {
  if (!acquired_ || !still_ours(chosen_signal.load())) return false;
  disarm();
  last_ticket = last_ticket == UINT32_MAX >> 1U ? 1 : last_ticket + 1;
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = chosen_signal.load();
  event.sigev_value.sival_int = static_cast<int>(last_ticket);
#ifdef sigev_notify_thread_id
  event.sigev_notify_thread_id = thread;
#else
  event._sigev_un._tid = thread;
#endif
  if (::timer_create(cpu_clock(thread), &event, &timer_) != 0) return false;
  the_slot.witness = witness;
  the_slot.wanted.store(last_ticket, std::memory_order_release);
  armed_ = thread;
  const itimerspec when{.it_interval = {}, .it_value = {.tv_sec = 0, .tv_nsec = kAfterNs}};
  if (::timer_settime(timer_, 0, &when, nullptr) == 0) return true;
  disarm();
  return false;
}

std::optional<StackSample> TimerSampler::take() {
  Slot& mine = the_slot;
  if (armed_ == 0 || mine.done.load(std::memory_order_acquire) != last_ticket) return std::nullopt;
  StackSample sample;
  sample.thread = armed_;
  sample.registers = mine.registers;
  sample.known.fill(true);
  sample.stack.assign(mine.stack.begin(), mine.stack.begin() + static_cast<std::ptrdiff_t>(mine.stack_size));
  if (mine.witness.look != nullptr) sample.witnessed = mine.witnessed;
  disarm();
  return sample;
}

void TimerSampler::disarm() {
  if (armed_ == 0) return;
  ::timer_delete(timer_);
  armed_ = 0;
  // A handler that has taken the ticket writes until it sets `done`. The slot must not be offered again
  // before. It takes microseconds.
  std::uint32_t ticket = last_ticket;
  if (the_slot.wanted.compare_exchange_strong(ticket, 0)) return;
  while (the_slot.done.load(std::memory_order_acquire) != last_ticket) ::usleep(20);
}

}  // namespace freshframe::gil
