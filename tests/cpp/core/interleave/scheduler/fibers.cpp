// Switches between two stacks, and the thread-local state that the compiler keeps. For x86-64 and glibc.
// SPDX-License-Identifier: Apache-2.0
#include "fibers.hpp"

#include <cstdlib>
#include <cstring>

#include <cxxabi.h>
#include <link.h>
#include <sys/mman.h>

extern "C" void freshframe_interleave_switch(void** saved, void* loaded);
// Saves the callee-saved registers and loads those of the other stack.
asm(R"(
.globl freshframe_interleave_switch
.type freshframe_interleave_switch,@function
freshframe_interleave_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size freshframe_interleave_switch,.-freshframe_interleave_switch
)");

namespace freshframe::interleave {
namespace {

/// The executable's block of thread-local variables, which ends at the thread pointer.
struct Block {
  char* begin = nullptr;
  std::size_t bytes = 0;
  const char* image = nullptr;  // the initial values for a new thread; zeros follow
  std::size_t image_bytes = 0;
};

int read_block(dl_phdr_info* info, std::size_t /*bytes*/, void* result) {
  auto& block = *static_cast<Block*>(result);
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& header = info->dlpi_phdr[i];
    if (header.p_type != PT_TLS) continue;
    const auto align = header.p_align == 0 ? 1 : header.p_align;
    block.bytes = (header.p_memsz + align - 1) / align * align;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the loader gives its addresses as numbers
    block.image = reinterpret_cast<const char*>(info->dlpi_addr + header.p_vaddr);
    block.image_bytes = header.p_filesz;
    char* thread_pointer = nullptr;
    asm("movq %%fs:0, %0" : "=r"(thread_pointer));
    block.begin = thread_pointer - block.bytes;
  }
  return 1;  // the executable is listed first, and nothing else matters
}

const Block& block() {
  static const Block found = [] {
    Block result;
    dl_iterate_phdr(read_block, &result);
    return result;
  }();
  return found;
}

}  // namespace

Fiber::Fiber() : variables_(block().bytes) {}

Fiber::~Fiber() {
  if (stack_ != nullptr) munmap(stack_, kStackBytes);
}

void Fiber::begin(void (*entry)()) {
  if (stack_ == nullptr) {
    stack_ = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack_ == MAP_FAILED) std::abort();
  }
  exceptions_.fill(0);
  variables_.assign(block().bytes, 0);
  if (block().image_bytes > 0) std::memcpy(variables_.data(), block().image, block().image_bytes);
  constexpr int kRegisters = 6;
  auto* top = reinterpret_cast<void**>(static_cast<char*>(stack_) + kStackBytes);
  *--top = nullptr;  // the stack is aligned as after a call
  *--top = reinterpret_cast<void*>(entry);
  for (int i = 0; i < kRegisters; ++i) *--top = nullptr;
  stack_pointer_ = static_cast<void*>(top);
}

void Fiber::save() {
  std::memcpy(exceptions_.data(), abi::__cxa_get_globals(), kExceptionBytes);
  if (!variables_.empty()) std::memcpy(variables_.data(), block().begin, variables_.size());
}

void Fiber::load() const {
  std::memcpy(abi::__cxa_get_globals(), exceptions_.data(), kExceptionBytes);
  if (!variables_.empty()) std::memcpy(block().begin, variables_.data(), variables_.size());
}

void Fiber::switch_between(Fiber& from, Fiber& to) {
  from.save();
  to.load();
  freshframe_interleave_switch(&from.stack_pointer_, to.stack_pointer_);
}

bool Fiber::is_thread_local(std::uintptr_t address) noexcept {
  return address - reinterpret_cast<std::uintptr_t>(block().begin) < block().bytes;
}

}  // namespace freshframe::interleave
