// Memory files (memfd).
// SPDX-License-Identifier: Apache-2.0
#include "process/memory/memory_file.hpp"

#include "freshframe/error.hpp"

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "core/unit_text.hpp"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace freshframe::process {
namespace {

[[noreturn]] void refuse(const std::string& what, int error) {
  throw Error(what + ": " + std::generic_category().message(error));
}

int get_seals(Sealed what) {
  constexpr int kSize = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  switch (what) {
    case Sealed::Size:
      return kSize;
    case Sealed::Writing:
      return kSize | F_SEAL_WRITE;
    case Sealed::NewWriters:
      return kSize | F_SEAL_FUTURE_WRITE;
  }
  return kSize;
}

}  // namespace

Descriptor make_memory_file(const char* name, std::size_t bytes) {
  Descriptor file(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) refuse("cannot create shared memory", errno);
  int error = 0;
  do {  // unlike posix_fallocate(), never falls back to writing every page
    error = ::fallocate(file.get(), 0, 0, static_cast<off_t>(bytes)) == 0 ? 0 : errno;
  } while (error == EINTR);
  if (error != 0) refuse("cannot allocate " + core::mebibytes_rounded_up(bytes) + " of shared memory", error);
  return file;
}

void seal(const Descriptor& file, Sealed what) {
  if (::fcntl(file.get(), F_ADD_SEALS, get_seals(what)) != 0) refuse("cannot seal shared memory", errno);
}

Descriptor make_message_file(std::span<const std::byte> bytes) {
  Descriptor file(::memfd_create("freshframe-message", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) refuse("cannot create shared memory", errno);
  while (!bytes.empty()) {
    const auto written = ::write(file.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0)
      refuse("cannot write " + core::mebibytes_rounded_up(bytes.size()) + " of shared memory", errno);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  seal(file, Sealed::Writing);
  return file;
}

bool read_file(int file, std::span<std::byte> into, std::uint64_t at) noexcept {
  auto offset = static_cast<off_t>(at);
  while (!into.empty()) {
    const auto got = ::pread(file, into.data(), into.size(), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    offset += got;
    into = into.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

std::size_t file_size(int file) noexcept {
  struct stat found{};
  return ::fstat(file, &found) == 0 && found.st_size > 0 ? static_cast<std::size_t>(found.st_size) : 0;
}

Mapping::Mapping(int file, std::size_t bytes, Access access, bool populate) : size_(bytes) {
  const int protection = access == Access::ReadOnly ? PROT_READ : PROT_READ | PROT_WRITE;
  void* const address =
      ::mmap(nullptr, bytes, protection, MAP_SHARED | (populate ? MAP_POPULATE : 0), file, 0);
  if (address == MAP_FAILED)
    refuse("cannot map " + core::mebibytes_rounded_up(bytes) + " of shared memory", errno);
  data_ = static_cast<std::byte*>(address);
}

Mapping::Mapping(Mapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

Mapping::~Mapping() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace freshframe::process
