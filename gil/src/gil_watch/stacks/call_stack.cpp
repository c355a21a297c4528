// Uses libdw to unwind this process: modules from the loader, memory from the sample.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/stacks/call_stack.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "gil_watch/names/rust_names.hpp"
#include "gil_watch/stacks/libraries.hpp"
#include "gil_watch/stacks/memory.hpp"
#include "gil_watch/stacks/registers.hpp"
#include <cxxabi.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <unistd.h>

namespace freshframe::gil {

namespace {

constexpr std::size_t kMaxNativeFrames = 128;
constexpr std::uint64_t kStackReach =
    std::uint64_t{64}  // bytes above the stack pointer assumed to be the stack
    << 20U;

std::string demangled(const char* name) {
  if (std::string rust = demangle_rust(name); !rust.empty()) return rust;
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status),
                                                         &std::free);
  return text != nullptr ? without_rust_hash(text.get()) : name;
}

// No separate debug files: libdw would search the disk for them, and some builds would search the network.
// NOLINTNEXTLINE(readability-function-size): libdw's signature
int find_no_debuginfo(Dwfl_Module* /*module*/, void** /*user*/, const char* /*name*/, Dwarf_Addr /*base*/,
                      const char* /*file*/, const char* /*link*/, GElf_Word /*crc*/, char** /*found*/) {
  return -1;
}

// libdw keeps the files open, and child processes must not inherit them.
// NOLINTNEXTLINE(readability-function-size): libdw's signature
int find_elf(Dwfl_Module* module, void** user, const char* name, Dwarf_Addr base, char** file, Elf** elf) {
  const int found = dwfl_linux_proc_find_elf(module, user, name, base, file, elf);
  if (found >= 0) ::fcntl(found, F_SETFD, FD_CLOEXEC);
  return found;
}

constexpr Dwfl_Callbacks kModuleCallbacks{
    .find_elf = &find_elf,
    .find_debuginfo = &find_no_debuginfo,
    .section_address = nullptr,
    .debuginfo_path = nullptr,
};

}  // namespace

struct CallStacks::Session {
  Dwfl* dwfl = nullptr;
  bool attached = false;
  const StackSample* sample = nullptr;
  // program counters of the frames found, moved inside the call instruction
  std::vector<std::uintptr_t> counters;
  std::size_t read_to = 0;  // how much of the copied stack has been used

  std::vector<std::uintptr_t> loops;           // start addresses of the functions that run bytecode
  std::shared_ptr<const Libraries> libraries;  // the modules reported to libdw; all names come from them

  // Uses the loader's list, because /proc/self/maps may change while it is read. So all names are from one
  // consistent list, and comparing it shows whether the sample belongs to it.
  void report_modules() {
    auto now = loaded_libraries(libraries);
    if (now == libraries) return;
    libraries = std::move(now);
    dwfl_report_begin(dwfl);
    for (const Library& library : libraries->all) {
      const std::string name = library.path.starts_with("linux-vdso")
                                   ? "[vdso: " + std::to_string(::getpid()) + "]"
                                   : library.path;
      if (library.begin < library.end) dwfl_report_module(dwfl, name.c_str(), library.begin, library.end);
    }
    dwfl_report_end(dwfl, nullptr, nullptr);
  }

  Dwfl_Module* module_of(std::uintptr_t address) const {
    Dwfl_Module* const module = dwfl_addrmodule(dwfl, address);
    if (module == nullptr) return nullptr;
    Dwarf_Addr begin = 0;
    Dwarf_Addr end = 0;
    dwfl_module_info(module, nullptr, &begin, &end, nullptr, nullptr, nullptr, nullptr);
    return address >= begin && address < end ? module : nullptr;
  }

  static pid_t next_thread(Dwfl* /*dwfl*/, void* user, void** thread_user) {
    if (*thread_user != nullptr) return 0;
    *thread_user = user;
    return static_cast<Session*>(user)->sample->thread;
  }
  static bool get_thread(Dwfl* /*dwfl*/, pid_t /*thread*/, void* user, void** thread_user) {
    *thread_user = user;
    return true;
  }
  static bool read_word(Dwfl* /*dwfl*/, Dwarf_Addr address, Dwarf_Word* word, void* user) {
    auto& session = *static_cast<Session*>(user);
    const StackSample& sample = *session.sample;
    const std::uint64_t offset = address - sample.stack_pointer();
    if (offset <= sample.stack.size() && sample.stack.size() - offset >= sizeof *word) {
      std::memcpy(word, sample.stack.data() + offset, sizeof *word);
      session.read_to = std::max<std::size_t>(session.read_to, offset + sizeof *word);
      return true;
    }
    // The rest of the stack has changed since the sample, so a frame found there would belong to another
    // call.
    return offset >= kStackReach && read_value(address, *word);
  }
  static bool set_registers(Dwfl_Thread* thread, void* user) {
    const StackSample& sample = *static_cast<Session*>(user)->sample;
    dwfl_thread_state_register_pc(thread, sample.counter());
    for (std::size_t i = 0; i < kRegisters; ++i) {
#if defined(__aarch64__)
      if (i == kCounterRegister) continue;
#endif
      const Dwarf_Word value = sample.registers[i];
      if (sample.known[i] && !dwfl_thread_state_registers(thread, static_cast<int>(i), 1, &value))
        return false;
    }
    return true;
  }
  static int on_frame(Dwfl_Frame* frame, void* user) {
    auto& counters = static_cast<Session*>(user)->counters;
    Dwarf_Addr counter = 0;
    bool activation = false;
    if (!dwfl_frame_pc(frame, &counter, &activation)) return DWARF_CB_ABORT;
    counters.push_back(activation ? counter : counter - 1);
    return counters.size() < kMaxNativeFrames ? DWARF_CB_OK : DWARF_CB_ABORT;
  }

  static constexpr Dwfl_Thread_Callbacks kThreadCallbacks{
      .next_thread = &next_thread,
      .get_thread = &get_thread,
      .memory_read = &read_word,
      .set_initial_registers = &set_registers,
      .detach = nullptr,
      .thread_detach = nullptr,
  };
};

CallStacks::CallStacks() : session_(std::make_unique<Session>()) {
  session_->dwfl = dwfl_begin(&kModuleCallbacks);
  if (session_->dwfl == nullptr) return;
  session_->report_modules();
  session_->attached =
      dwfl_attach_state(session_->dwfl, nullptr, ::getpid(), &Session::kThreadCallbacks, session_.get());
}

CallStacks::~CallStacks() {
  if (session_->dwfl != nullptr) dwfl_end(session_->dwfl);
}

NativeFrame CallStacks::describe(std::uintptr_t address) {
  NativeFrame frame;
  frame.address = address;
  Dwfl_Module* const module = session_->dwfl != nullptr ? session_->module_of(address) : nullptr;
  if (module == nullptr) return frame;
  Dwarf_Addr begin = 0;
  const std::string_view path =
      dwfl_module_info(module, nullptr, &begin, nullptr, nullptr, nullptr, nullptr, nullptr);
  frame.library = path.substr(path.rfind('/') + 1);
  frame.library_base = begin;
  // Unwind tables contain the start of every function, even in stripped libraries.
  frame.function = function_start(address);
  frame.loop = std::ranges::find(session_->loops, frame.function) != session_->loops.end();
  GElf_Off offset = 0;
  GElf_Sym symbol{};
  const char* const name = dwfl_module_addrinfo(module, address, &offset, &symbol, nullptr, nullptr, nullptr);
  if (name == nullptr) return frame;
  // In stripped libraries, the nearest symbol before the address belongs to another function.
  const std::uintptr_t at = address - offset;
  const bool inside = offset < symbol.st_size || at == frame.function;
  if (!inside) return frame;
  frame.symbol = demangled(name);
  if (frame.function == 0) frame.function = at;
  frame.loop |= frame.symbol.starts_with("_PyEval_EvalFrame") || frame.symbol.starts_with("_TAIL_CALL_");
  return frame;
}

void CallStacks::learn_loop(const StackSample& sample) {
  const std::vector<NativeFrame> frames = unwind(sample);
  if (frames.empty()) return;
  // Our own function, then optionally a named function of the interpreter that calls C functions, then the
  // loop.
  const auto caller = std::ranges::find_if(frames, [&](const NativeFrame& frame) {
    return frame.library != frames.front().library && !frame.symbol.starts_with("PyObject_") &&
           !frame.symbol.starts_with("_PyObject_");
  });
  if (caller != frames.end() && !caller->guessed) session_->loops.push_back(caller->function);
}

StackSample sample_here() {
  constexpr std::size_t kBytes = std::size_t{64} * 1024;
  ucontext_t context{};
  ::getcontext(&context);
  StackSample sample;
  sample.thread = ::gettid();
  copy_registers(context, sample.registers);
  sample.known.fill(true);
  sample.stack.resize(kBytes);
  sample.stack.resize(read_up_to(sample.stack_pointer(), sample.stack));
  return sample;
}

// Runs the unwinder once, from the sample's registers to the last frame that they determine.
void CallStacks::run(const StackSample& sample) {
  Session& session = *session_;
  session.sample = &sample;
  session.read_to = 0;
  const std::size_t before = session.counters.size();
  dwfl_getthread_frames(session.dwfl, sample.thread, &Session::on_frame, &session);
  if (session.counters.size() == before) session.counters.push_back(sample.counter());
  session.sample = nullptr;
}

// Another library may have been loaded at the address of the sampled code in the meantime.
void CallStacks::forget_unloaded(const StackSample& sample, std::vector<NativeFrame>& frames) {
  const Libraries& named = *session_->libraries;
  if (sample.libraries == nullptr || named.unloads == sample.libraries->unloads) return;
  for (NativeFrame& frame : frames) {
    const Library* const then = sample.libraries->at(frame.address);
    const Library* const now = named.at(frame.address);
    if (then != nullptr && now != nullptr && *then == *now) continue;
    NativeFrame unnamed;
    unnamed.address = frame.address;
    unnamed.guessed = frame.guessed;
    if (then != nullptr) {
      unnamed.library = then->path.substr(then->path.rfind('/') + 1);
      unnamed.library_base = then->base;
    }
    frame = std::move(unnamed);
  }
}

std::vector<NativeFrame> CallStacks::unwind(const StackSample& sample) {
  Session& session = *session_;
  if (!session.attached) return {};
  session.report_modules();
  session.counters.clear();
  run(sample);
  std::vector<NativeFrame> frames;
  const auto name_new = [&] {
    while (frames.size() < session.counters.size())
      frames.push_back(describe(session.counters[frames.size()]));
  };
  name_new();
  // A function that keeps its frame in an unknown register stops the unwinder. In that case, the return
  // address is searched for on the stack, and the unwinder continues from there.
  StackSample rest = sample;
  std::size_t step = session.read_to;
  while (frames.size() < kMaxNativeFrames && !std::ranges::any_of(frames, &NativeFrame::loop)) {
    const std::size_t at = find_return_address(rest.stack, step);
    if (at == rest.stack.size()) break;
    std::uintptr_t counter = 0;
    std::memcpy(&counter, rest.stack.data() + at, sizeof counter);
    const std::size_t above = at + sizeof counter;
    const std::uint64_t stack_pointer = rest.stack_pointer() + above;
    rest.stack.erase(rest.stack.begin(), rest.stack.begin() + static_cast<std::ptrdiff_t>(above));
    rest.known.fill(false);
    rest.set(kStackRegister, stack_pointer);
    // inside the call instruction, as unwinding rules require for callers
    rest.set(kCounterRegister, counter - 1);
    step = 0;
    if (session.module_of(counter) == nullptr) continue;
    run(rest);
    step = session.read_to;
    const std::size_t certain = frames.size();
    name_new();
    for (std::size_t i = certain; i < frames.size(); ++i) frames[i].guessed = true;
  }
  forget_unloaded(sample, frames);
  return frames;
}

std::string NativeFrame::text() const {
  if (!symbol.empty()) return library + ":" + symbol;
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string digits;
  const std::uintptr_t known = function != 0 ? function : address;
  for (std::uintptr_t rest = known - library_base; rest != 0; rest /= 16)
    digits.insert(digits.begin(), kDigits[rest % 16]);
  return (library.empty() ? "?" : library) + ":0x" + digits;
}

namespace {

constexpr std::uintptr_t kLowest = 0x10000;
// User space has 47 bits on x86-64. On aarch64 it has 48, but libraries are in the lower half.
constexpr std::uintptr_t kHighest = 0x7fff'ffff'ffff;

#if defined(__x86_64__)
// Intel SDM, volume 2, CALL: E8 rel32, or FF /2 with two to seven bytes.
bool follows_call(std::uintptr_t address) {
  std::array<unsigned char, 7> code{};
  if (!read_memory(address - code.size(), code.data(), code.size())) return false;
  if (code[2] == 0xE8) return true;
  for (std::size_t length = 2; length <= code.size(); ++length) {
    const std::size_t at = code.size() - length;
    if (code[at] == 0xFF && (code[at + 1] & 0x38U) == 0x10) return true;
  }
  return false;
}
#else
// Arm ARM C6: BL has 100101 in its top bits, BLR is 1101011000111111000000.
bool follows_call(std::uintptr_t address) {
  std::uint32_t code = 0;
  if (address % 4 != 0 || !read_value(address - 4, code)) return false;
  return code >> 26U == 0x25 || (code & 0xFFFFFC1FU) == 0xD63F0000U;
}
#endif

}  // namespace

std::size_t find_return_address(std::span<const std::byte> stack, std::size_t from) {
  constexpr std::size_t kWord = sizeof(std::uintptr_t);
  for (std::size_t at = (from + kWord - 1) / kWord * kWord; at + kWord <= stack.size(); at += kWord) {
    std::uintptr_t word = 0;
    std::memcpy(&word, stack.data() + at, sizeof word);
    if (word >= kLowest && word <= kHighest && follows_call(word)) return at;
  }
  return stack.size();
}

}  // namespace freshframe::gil
