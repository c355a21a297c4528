// Classifies frames by library and symbol: interpreter, system libraries, binding glue, or foreign.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/watch/culprit.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <optional>
#include <ranges>
#include <string_view>

#include "gil_watch/names/binding_names.hpp"
#include "gil_watch/stacks/libraries.hpp"
#include "gil_watch/stacks/memory.hpp"

namespace freshframe::gil {

namespace {

// Returns true for libffi, through which ctypes calls C functions by address.
bool is_ctypes(const NativeFrame& frame) {
  return frame.library.starts_with("_ctypes.") || frame.library.starts_with("_cffi_backend.");
}

bool is_interpreter(const NativeFrame& frame) {
  return frame.library.starts_with("libpython") || frame.library.starts_with("python");
}

// Libraries that extensions are built on: the function that calls into them is the better name.
bool is_system(const NativeFrame& frame) {
  // Wheels bundle libffi-1a2b3c4d.so.8 and libstdc++-1a2b3c4d.so.6.
  static constexpr std::array<std::string_view, 10> kLibraries{
      "libc.so", "libpthread.so", "libm.so",  "librt.so",   "ld-linux",
      "libffi",  "libstdc++",     "libgcc_s", "linux-vdso", "[vdso",
  };
  return frame.library.empty() || starts_with_any(frame.library, kLibraries);
}

// Interpreter functions between bytecode and a C function.
bool is_machinery(std::string_view symbol) {
  static constexpr std::array<std::string_view, 22> kPrefixes{
      "_PyEval_",      "PyEval_",      "_PyObject_",    "PyObject_",         "_PyFunction_", "PyFunction_",
      "PyCFunction_",  "_PyCFunction", "cfunction_",    "method_vectorcall", "vectorcall_",  "_PyVectorcall",
      "PyVectorcall",  "wrap_",        "wrapperdescr_", "slot_tp_",          "method_call",  "type_call",
      "call_function", "do_call_core", "_PyStack_",     "object_vacall",
  };
  return starts_with_any(symbol, kPrefixes);
}

// Returns true if the frame's function only calls other functions.
bool calls_only(const NativeFrame& frame, const CallableNames& names) {
  const auto named = names.find(frame.function);
  return named != names.end() && named->second.text.empty();
}

// An API function, which any code may call.
bool is_api(std::string_view symbol) {
  return symbol.starts_with("Py") || symbol.starts_with("_Py");
}

bool is_foreign(const NativeFrame& frame) {
  return !is_interpreter(frame) && !is_system(frame) && !is_ctypes(frame);
}

// The Python name in the symbol, if it contains one.
std::string text_of(const NativeFrame& frame) {
  NativeFrame plain = frame;
  plain.symbol = plain_name(frame.symbol);
  return plain.text();
}

const NativeFrame* outermost(std::span<const NativeFrame> chain, auto&& wanted) {
  const auto found = std::find_if(chain.rbegin(), chain.rend(), wanted);
  return found == chain.rend() ? nullptr : &*found;
}

bool is_libffi(const NativeFrame& frame) {
  return frame.library.starts_with("libffi");
}

std::span<const NativeFrame> certain_part(std::span<const NativeFrame> above) {
  const auto guess = std::ranges::find_if(above, &NativeFrame::guessed);
  return above.first(static_cast<std::size_t>(guess - above.begin()));
}

// Returns the certain frames or, if none of them is foreign, the first run of foreign frames among the
// guessed ones: frames further out are remains of calls that have ended. If libffi is among the certain
// frames, so is the function that it has called, and no guess is needed: only ctypes calls libffi.
std::span<const NativeFrame> foreign_part(std::span<const NativeFrame> above) {
  const auto certain = certain_part(above);
  if (certain.size() == above.size() || std::ranges::any_of(certain, is_foreign) ||
      std::ranges::any_of(certain, is_libffi))
    return certain;
  const auto begin = std::find_if(above.begin() + std::ssize(certain), above.end(), is_foreign);
  const auto end = std::find_if_not(begin, above.end(), is_foreign);
  return {begin, end};
}

// Returns the frames up to the end of the first run of system functions, which call each other. A run of
// certain frames may continue among the guessed ones. Stops before libffi, since the function that libffi
// called precedes it.
std::span<const NativeFrame> system_part(std::span<const NativeFrame> above) {
  const auto certain = certain_part(above);
  const auto guess = above.begin() + std::ssize(certain);
  const bool found = std::ranges::any_of(certain, is_system);
  const auto begin = found ? guess : std::find_if(guess, above.end(), is_system);
  const auto end = std::find_if_not(begin, above.end(), is_system);
  return {above.begin(), std::find_if(above.begin(), end, is_libffi)};
}

// Returns true for a method that C code also calls directly, without a call in Python code: ",".join(map(str,
// a)) calls list.extend internally. Any code may free an object.
bool is_helper(const NativeFrame* caller, const CallableName& name) {
  return caller != nullptr && !name.slot && is_interpreter(*caller) && is_api(caller->symbol) &&
         !is_machinery(caller->symbol) && !name.text.ends_with("_dealloc");
}

// The name of the outermost function that Python can call by name.
std::string callable_name(std::span<const NativeFrame> above, const CallableNames& names) {
  bool nameless = false;  // whether an outer function does work of its own, but has no Python name
  const NativeFrame* caller = nullptr;
  for (const NativeFrame& frame : std::ranges::reverse_view(above)) {
    const auto named = names.find(frame.function);
    if (named == names.end()) {
      nameless |= is_interpreter(frame) && !is_machinery(frame.symbol) && !is_api(frame.symbol);
    } else if (!named->second.text.empty() && !(named->second.slot && nameless)) {
      return is_helper(caller, named->second) ? "" : named->second.text;
    }
    caller = &frame;
  }
  return "";
}

// Returns the name of a foreign function that has no symbol. If its type has no module, or unrelated types
// share the function, the name begins with "builtins:", like the interpreter's own, so the library's name
// replaces that prefix.
std::string foreign_text(const NativeFrame& frame, const CallableName& name) {
  static constexpr std::string_view kBuiltins = "builtins:";
  return name.text.starts_with(kBuiltins) ? frame.library + ":" + name.text.substr(kBuiltins.size())
                                          : name.text;
}

// The frames without the dispatchers before the bound function, if the last dispatcher is known.
std::span<const NativeFrame> bound_part(std::span<const NativeFrame> above) {
  const auto* const last = outermost(above, [](const NativeFrame& f) { return is_last_glue(f.symbol); });
  return last == nullptr ? above : above.first(static_cast<std::size_t>(last - above.data()) + 1);
}

// The outermost foreign function. Returns nullopt if there is none, or only glue code whose frame was guessed
// from the stack, so it may not be part of the call.
std::optional<std::string> foreign_name(std::span<const NativeFrame> above, const CallableNames& names) {
  const std::span<const NativeFrame> part = foreign_part(above);
  if (const auto* found =
          outermost(part, [](const NativeFrame& f) { return is_foreign(f) && !is_glue(f.symbol); })) {
    const auto named = names.find(found->function);
    const bool by_name = found->symbol.empty() && named != names.end() && !named->second.text.empty();
    return by_name ? foreign_text(*found, named->second) : text_of(*found);
  }
  // Glue alone is named only if it was certainly called.
  const auto* const glue = outermost(part, is_foreign);
  if (glue == nullptr || glue->guessed) return std::nullopt;
  return glue->text();
}

// The outermost function of a system library, or code outside of any library; nullopt if there is neither.
std::optional<std::string> system_name(std::span<const NativeFrame> above) {
  const auto* const found =
      outermost(system_part(above), [](const NativeFrame& f) { return is_system(f) && !f.symbol.empty(); });
  if (found != nullptr) return found->text();
  // Code outside all libraries: generated at run time, or its library was unloaded.
  if (!above.empty() && above.front().library.empty()) return above.front().text();
  return std::nullopt;
}

// The interpreter function that does the work; empty if it was running bytecode.
std::string interpreter_name(std::span<const NativeFrame> above, const CallableNames& names) {
  const auto* const found = outermost(above, [&](const NativeFrame& f) {
    return is_interpreter(f) && !is_machinery(f.symbol) && !calls_only(f, names);
  });
  if (found == nullptr) return "";
  return found->symbol.empty() ? kInterpreter : found->text();
}

}  // namespace

std::span<const NativeFrame> above_interpreter(std::span<const NativeFrame> chain) {
  const auto loop = std::ranges::find_if(chain, &NativeFrame::loop);
  return chain.first(static_cast<std::size_t>(loop - chain.begin()));
}

std::string collection_name(std::span<const NativeFrame> chain, const CallableNames& names) {
  const auto above = above_interpreter(chain);
  const auto by_name = [&](const NativeFrame& frame) {
    const auto named = names.find(frame.function);
    return named != names.end() && named->second.text == "gc:collect";
  };
  if (std::ranges::any_of(above, by_name)) return "gc:collect";
  const auto inside = [](const NativeFrame& frame) {
    return is_interpreter(frame) && (frame.symbol.starts_with("gc_collect_") || frame.symbol == "_Py_RunGC" ||
                                     frame.symbol == "_PyGC_Collect");
  };
  return std::ranges::any_of(above, inside) ? kCollection : "";
}

std::string name_culprit(std::span<const NativeFrame> chain, const CallableNames& names) {
  const std::span<const NativeFrame> above = bound_part(above_interpreter(chain));
  if (auto name = foreign_name(above, names)) return *std::move(name);
  const bool by_ctypes =
      std::ranges::any_of(above, is_ctypes) || std::ranges::any_of(certain_part(above), is_libffi);
  if (!by_ctypes) {
    if (std::string name = callable_name(above, names); !name.empty()) return name;
  }
  if (by_ctypes || !std::ranges::any_of(above, is_interpreter)) {
    if (auto name = system_name(above)) return *std::move(name);
  }
  return interpreter_name(above, names);
}

namespace {

constexpr std::size_t kLooked = 4096;  // bytes to search

#if defined(__x86_64__)
// Intel SDM, volume 2, JMP and Jcc: E9 rel32, or 0F 80 to 0F 8F rel32, from the end of the instruction.
bool is_jump(std::span<const std::byte> code, std::size_t distance_at) {
  const auto before = [&](std::size_t back) { return std::to_integer<unsigned>(code[distance_at - back]); };
  if (distance_at >= 1 && before(1) == 0xE9) return true;
  return distance_at >= 2 && before(2) == 0x0F && before(1) >= 0x80 && before(1) <= 0x8F;
}

constexpr std::size_t kStep = 1;
constexpr std::size_t kEnd = 4;  // size of the displacement, which is relative to its end

bool leads_to(std::span<const std::byte> code, std::size_t at, std::uintptr_t address, std::uintptr_t to) {
  std::int32_t distance = 0;
  std::memcpy(&distance, code.data() + at, sizeof distance);
  const auto found = address + kEnd + static_cast<std::uintptr_t>(static_cast<std::intptr_t>(distance));
  return found == to && is_jump(code, at);
}
#else
constexpr std::size_t kStep = 4;
constexpr std::size_t kEnd = 4;

// Arm ARM C6: B has 000101 in its top bits and a distance in instructions in the others. B.cond and CBZ do
// not reach other functions.
bool leads_to(std::span<const std::byte> code, std::size_t at, std::uintptr_t address, std::uintptr_t to) {
  std::uint32_t word = 0;
  std::memcpy(&word, code.data() + at, sizeof word);
  if (word >> 26U != 0x05) return false;
  const auto distance = static_cast<std::int32_t>(word << 6U) >> 4;
  return address + static_cast<std::uintptr_t>(static_cast<std::intptr_t>(distance)) == to;
}
#endif

// Functions in one library are no further apart than this.
constexpr std::uintptr_t kReach = std::uintptr_t{64} << 20U;

// Returns nullptr if no function jumps there, or several do.
const CallableName* only_one_that_jumps_to(std::uintptr_t function, const CallableNames& names) {
  const CallableName* found = nullptr;
  for (const auto& [address, name] : names) {
    const std::uintptr_t apart = std::max(address, function) - std::min(address, function);
    if (name.text.empty() || apart > kReach || !jumps_to(address, function)) continue;
    if (found != nullptr && found->text != name.text) return nullptr;
    found = &name;
  }
  return found;
}

}  // namespace

bool jumps_to(std::uintptr_t from, std::uintptr_t to) {
  std::array<std::byte, kLooked> code{};
  const std::size_t size = read_up_to(from, code);
  for (std::size_t at = 0; at + kEnd <= size; at += kStep) {
    // Beyond the end of the function is the code of another one.
    if (leads_to(std::span(code).first(size), at, from + at, to)) return function_start(from + at) == from;
  }
  return false;
}

void Implementations::learn(std::span<const NativeFrame> chain, CallableNames& names) {
  constexpr std::size_t kMost = 1000;
  for (const NativeFrame& frame : above_interpreter(chain)) {
    if (!frame.symbol.empty() || frame.function == 0 || names.contains(frame.function)) continue;
    if (known_.size() >= kMost || !known_.insert(frame.function).second) continue;
    const CallableName* const found = only_one_that_jumps_to(frame.function, names);
    if (found == nullptr) continue;
    CallableName copy = *found;  // a copy, because the insertion may invalidate `found`
    names.emplace(frame.function, std::move(copy));
  }
}

}  // namespace freshframe::gil
