// Samples a running thread: with perf events if permitted, otherwise with a timer signal.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/stacks/cpu_sampler.hpp"

#include "freshframe/forks.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <span>

#include "gil_watch/stacks/memory.hpp"
#include "gil_watch/stacks/registers.hpp"
#include "gil_watch/stacks/task_state.hpp"
#include <asm/perf_regs.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace freshframe::gil {

namespace {

constexpr std::uint64_t kPeriodNs = 200'000;             // CPU time of the thread between two samples
constexpr std::uint32_t kSampledStackBytes = 60 * 1024;  // a perf record is limited to less than 64 KiB
// Ring buffer for one sample; further samples are lost.
constexpr std::size_t kDataBytes = std::size_t{64} * 1024;

// The kernel's register numbers, in DWARF order.
#if defined(__x86_64__)
constexpr std::array<unsigned, kRegisters> kOrder{
    PERF_REG_X86_AX,  PERF_REG_X86_DX,  PERF_REG_X86_CX,  PERF_REG_X86_BX,  PERF_REG_X86_SI,
    PERF_REG_X86_DI,  PERF_REG_X86_BP,  PERF_REG_X86_SP,  PERF_REG_X86_R8,  PERF_REG_X86_R9,
    PERF_REG_X86_R10, PERF_REG_X86_R11, PERF_REG_X86_R12, PERF_REG_X86_R13, PERF_REG_X86_R14,
    PERF_REG_X86_R15, PERF_REG_X86_IP};
#else
constexpr std::array<unsigned, kRegisters> make_order() {
  std::array<unsigned, kRegisters> order{};
  for (unsigned i = 0; i < kRegisters; ++i) order[i] = i;  // PERF_REG_ARM64_X0 to PC
  return order;
}
constexpr std::array<unsigned, kRegisters> kOrder = make_order();
#endif

constexpr std::uint64_t make_mask() {
  std::uint64_t mask = 0;
  for (const unsigned number : kOrder) mask |= std::uint64_t{1} << number;
  return mask;
}
constexpr std::uint64_t kMask = make_mask();

std::size_t page() {
  return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

std::size_t ring_bytes() {
  return page() + kDataBytes;
}

template <class T>
bool read_front(std::span<const std::byte>& bytes, T& out) {
  if (bytes.size() < sizeof out) return false;
  std::memcpy(&out, bytes.data(), sizeof out);
  bytes = bytes.subspan(sizeof out);
  return true;
}

// PERF_SAMPLE_REGS_USER: abi, one word per register in ascending order of its number; PERF_SAMPLE_STACK_USER:
// size, that number of bytes, how many of them are valid.
bool parse(std::span<const std::byte> bytes, StackSample& sample) {
  std::uint64_t abi = 0;
  if (!read_front(bytes, abi) || abi != PERF_SAMPLE_REGS_ABI_64) return false;
  std::array<std::uint64_t, 64> values{};
  for (unsigned number = 0; number < values.size(); ++number) {
    if ((kMask >> number & 1U) != 0 && !read_front(bytes, values[number])) return false;
  }
  for (std::size_t i = 0; i < kRegisters; ++i) sample.set(i, values[kOrder[i]]);
  std::uint64_t size = 0;
  if (!read_front(bytes, size) || size == 0 || bytes.size() < size + sizeof size) return false;
  std::uint64_t valid = 0;
  std::memcpy(&valid, bytes.data() + size, sizeof valid);
  if (valid > size) return false;
  sample.stack.assign(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(valid));
  return true;
}

// Prevents a fork between opening an event and recording its descriptor, and between clearing the record and
// closing it. Otherwise a child would keep an event that it does not know of, and the kernel would continue
// to sample.
struct NoFork {
  std::mutex mutex;
  forks::Hold<std::mutex> hold{mutex};
};

std::mutex& fork_mutex() {
  return forks::ProcessWide<NoFork>::get().mutex;
}

}  // namespace

bool PerfSampler::arm(pid_t thread) {
  disarm();
  perf_event_attr wanted{};
  wanted.size = sizeof wanted;
  wanted.type = PERF_TYPE_SOFTWARE;
  wanted.config = PERF_COUNT_SW_TASK_CLOCK;
  wanted.sample_period = kPeriodNs;
  wanted.sample_type = PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER;
  wanted.sample_regs_user = kMask;
  wanted.sample_stack_user = kSampledStackBytes;
  wanted.exclude_kernel = 1;
  wanted.exclude_hv = 1;
  {
    const std::lock_guard lock(fork_mutex());
    event_ = static_cast<int>(::syscall(SYS_perf_event_open, &wanted, thread, -1, -1, PERF_FLAG_FD_CLOEXEC));
  }
  if (event_ < 0) {
    forbidden_ = errno != ESRCH;  // ESRCH: the thread has ended
    return false;
  }
  ring_ = ::mmap(nullptr, ring_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, event_, 0);
  if (ring_ == MAP_FAILED) {  // the buffer exceeds the user's limit for locked memory
    ring_ = nullptr;
    forbidden_ = true;
    disarm();
    return false;
  }
  thread_ = thread;
  return true;
}

std::optional<StackSample> PerfSampler::take() {
  if (ring_ == nullptr) return std::nullopt;
  auto& head = *static_cast<perf_event_mmap_page*>(ring_);
  const std::uint64_t end = std::atomic_ref(head.data_head).load(std::memory_order_acquire);
  const std::span data(static_cast<const std::byte*>(ring_) + page(), kDataBytes);
  std::size_t at = 0;
  // only the first pass over the ring, where nothing has been overwritten
  while (at < end && end <= kDataBytes) {
    perf_event_header header{};
    std::memcpy(&header, data.data() + at, sizeof header);
    if (header.size < sizeof header || at + header.size > end) break;
    if (header.type == PERF_RECORD_SAMPLE) {
      StackSample sample;
      sample.thread = thread_;
      const bool whole = parse(data.subspan(at + sizeof header, header.size - sizeof header), sample);
      disarm();
      return whole ? std::optional(std::move(sample)) : std::nullopt;
    }
    at += header.size;
  }
  return std::nullopt;
}

void PerfSampler::disarm() {
  if (ring_ != nullptr) ::munmap(ring_, ring_bytes());
  ring_ = nullptr;
  close_event();
  thread_ = 0;
}

void PerfSampler::close_event() {
  const std::lock_guard lock(fork_mutex());
  if (const int event = event_.exchange(-1); event >= 0) ::close(event);
}

namespace {

constexpr std::size_t kCopiedStackBytes = std::size_t{64} * 1024;
// CPU time of the thread until the signal. The kernel checks it at its ticks, 1 to 10 ms apart.
constexpr long kAfterNs = 20'000;

// Static, because a handler may still run after the sampler is destroyed. `state` says who owns the other
// members.
struct Slot {
  std::atomic<std::uint32_t> wanted{0};  // ticket of the requested sample, or 0; reset by the handler
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
std::uint32_t last_ticket = 0;  // only accessed by the thread that uses the sampler

// Async-signal-safe: no locks, no allocation. read_up_to() preserves errno.
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

// Chooses an unused signal from the highest down, because programs use the lower ones first.
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
  // A handler that has taken the ticket writes until it sets `done`, which takes microseconds. The slot must
  // not be reused before that.
  std::uint32_t ticket = last_ticket;
  if (the_slot.wanted.compare_exchange_strong(ticket, 0)) return;
  while (the_slot.done.load(std::memory_order_acquire) != last_ticket) ::usleep(20);
}

}  // namespace freshframe::gil
