// Reads this process's memory through the kernel, which checks every address.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/stacks/memory.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

namespace freshframe::gil {
namespace {

constexpr std::size_t kPage = 4096;  // the smallest page size: a read within one page never crosses a mapping

// Some sandboxes forbid process_vm_readv even on the own process. /proc/self/mem is slower, but nearly always
// available.
ssize_t read_through_file(std::uintptr_t address, void* out, std::size_t size) noexcept {
  const int file = ::open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  if (file < 0) return -1;
  const ssize_t got = ::pread(file, out, size, static_cast<off_t>(address));
  ::close(file);
  return got;
}

ssize_t read_some(std::uintptr_t address, void* out, std::size_t size) noexcept {
  const int before = errno;
  const iovec local{out, size};
  const iovec remote{reinterpret_cast<void*>(address), size};  // NOLINT(performance-no-int-to-ptr)
  ssize_t got = ::process_vm_readv(::getpid(), &local, 1, &remote, 1, 0);
  if (got < 0 && (errno == EPERM || errno == EACCES || errno == ENOSYS))
    got = read_through_file(address, out, size);
  errno = before;
  return got;
}

}  // namespace

bool read_memory(std::uintptr_t address, void* out, std::size_t size) noexcept {
  return address >= kPage && read_some(address, out, size) == static_cast<ssize_t>(size);
}

std::string why_unreadable() {
  constexpr int kValue = 1;
  int copy = 0;
  const iovec local{&copy, sizeof copy};
  const iovec remote{const_cast<int*>(&kValue), sizeof kValue};  // NOLINT: only read
  if (::process_vm_readv(::getpid(), &local, 1, &remote, 1, 0) == sizeof copy) return "";
  const int error = errno;
  if (read_through_file(reinterpret_cast<std::uintptr_t>(&kValue), &copy, sizeof copy) == sizeof copy)
    return "";
  return "it may not read its own memory (process_vm_readv: " + std::generic_category().message(error) +
         "; /proc/self/mem: " + std::generic_category().message(errno) +
         "). A sandbox forbids it; allow one of the two";
}

std::size_t read_up_to(std::uintptr_t address, std::span<std::byte> out) noexcept {
  std::size_t done = 0;
  while (done < out.size()) {
    const std::size_t to_boundary = 16 * kPage - (address + done) % kPage;
    std::size_t step = std::min(to_boundary, out.size() - done);
    ssize_t got = read_some(address + done, out.data() + done, step);
    if (got < 0) {  // part of it is not mapped: read page by page up to there
      step = std::min(kPage - (address + done) % kPage, out.size() - done);
      got = read_some(address + done, out.data() + done, step);
    }
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

std::size_t read_each(std::span<const std::uintptr_t> addresses, std::size_t each, std::byte* out) noexcept {
  std::array<iovec, 16> remote{};
  const std::size_t count = std::min(addresses.size(), remote.size());
  for (std::size_t i = 0; i < count; ++i) {
    remote[i] = {reinterpret_cast<void*>(addresses[i]), each};  // NOLINT(performance-no-int-to-ptr)
  }
  const iovec local{out, count * each};
  const ssize_t got = ::process_vm_readv(::getpid(), &local, 1, remote.data(), count, 0);
  return got > 0 ? static_cast<std::size_t>(got) / each : 0;
}

}  // namespace freshframe::gil
