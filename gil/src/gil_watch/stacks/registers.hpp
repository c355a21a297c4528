// The registers of a ucontext, in DWARF order.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "gil_watch/stacks/stack_sample.hpp"
#include <ucontext.h>

namespace freshframe::gil {

#if defined(__x86_64__)
inline void copy_registers(const ucontext_t& context, std::array<std::uint64_t, kRegisters>& out) {
  constexpr std::array kOrder{REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8,
                              REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
  static_assert(kOrder.size() == kRegisters);
  for (std::size_t i = 0; i < kRegisters; ++i) {
    out[i] = static_cast<std::uint64_t>(context.uc_mcontext.gregs[kOrder[i]]);
  }
}
#else
inline void copy_registers(const ucontext_t& context, std::array<std::uint64_t, kRegisters>& out) {
  for (std::size_t i = 0; i < 31; ++i) out[i] = context.uc_mcontext.regs[i];
  out[kStackRegister] = context.uc_mcontext.sp;
  out[kCounterRegister] = context.uc_mcontext.pc;
}
#endif

}  // namespace freshframe::gil
