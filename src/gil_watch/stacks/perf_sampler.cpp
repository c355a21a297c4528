// perf_event_open(2) and the first record of its ring.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/stacks/perf_sampler.hpp"

#include "freshframe/forks.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <span>

#include <asm/perf_regs.h>
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace freshframe::gil {
namespace {

constexpr std::uint64_t kPeriodNs = 200'000;                // of the thread's CPU time between two samples
constexpr std::uint32_t kSampledStackBytes = 60 * 1024;     // a record of the kernel has less than 64 KiB
constexpr std::size_t kDataBytes = std::size_t{64} * 1024;  // for one sample; further ones are lost

// The kernel's numbers of the registers, in DWARF's order.
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
// size, so many bytes, how many of them are valid.
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

// No fork happens between the opening of an event and its record, nor between the end of the record and the
// closing: a child would keep an event without a record of it, and the kernel would continue to sample.
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
    forbidden_ = errno != ESRCH;  // the thread has ended
    return false;
  }
  ring_ = ::mmap(nullptr, ring_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, event_, 0);
  if (ring_ == MAP_FAILED) {  // over the user's limit of locked memory
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
  while (at < end && end <= kDataBytes) {  // the first round of the ring: nothing has been overwritten
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

}  // namespace freshframe::gil
