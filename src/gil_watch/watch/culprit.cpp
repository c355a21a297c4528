// Sorts frames into the interpreter's, the system's, glue and foreign ones by library and symbol.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/watch/culprit.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "gil_watch/names/binding_names.hpp"
#include "gil_watch/names/prefixes.hpp"

namespace freshframe::gil {
namespace {

// Calls C functions by their addresses, through libffi.
bool is_ctypes(const NativeFrame& frame) {
  return frame.library.starts_with("_ctypes.") || frame.library.starts_with("_cffi_backend.");
}

bool is_interpreter(const NativeFrame& frame) {
  return frame.library.starts_with("libpython") || frame.library.starts_with("python");
}

// Libraries on which extensions are built: the caller of a function in them is the better name.
bool is_system(const NativeFrame& frame) {
  // Wheels carry libffi-1a2b3c4d.so.8 and libstdc++-1a2b3c4d.so.6.
  static constexpr std::array<std::string_view, 10> kLibraries{
      "libc.so", "libpthread.so", "libm.so",  "librt.so",   "ld-linux",
      "libffi",  "libstdc++",     "libgcc_s", "linux-vdso", "[vdso",
  };
  return frame.library.empty() || starts_with_any(frame.library, kLibraries);
}

// The interpreter's functions between bytecode and a C function.
bool is_machinery(std::string_view symbol) {
  static constexpr std::array<std::string_view, 22> kPrefixes{
      "_PyEval_",      "PyEval_",      "_PyObject_",    "PyObject_",         "_PyFunction_", "PyFunction_",
      "PyCFunction_",  "_PyCFunction", "cfunction_",    "method_vectorcall", "vectorcall_",  "_PyVectorcall",
      "PyVectorcall",  "wrap_",        "wrapperdescr_", "slot_tp_",          "method_call",  "type_call",
      "call_function", "do_call_core", "_PyStack_",     "object_vacall",
  };
  return symbol.empty() || starts_with_any(symbol, kPrefixes);
}

bool is_foreign(const NativeFrame& frame) {
  return !is_interpreter(frame) && !is_system(frame) && !is_ctypes(frame);
}

// With the name that Python uses, where the symbol has it.
std::string text_of(const NativeFrame& frame) {
  NativeFrame plain = frame;
  plain.symbol = plain_name(frame.symbol);
  return plain.text();
}

const NativeFrame* outermost(std::span<const NativeFrame> chain, auto&& wanted) {
  const auto found = std::find_if(chain.rbegin(), chain.rend(), wanted);
  return found == chain.rend() ? nullptr : &*found;
}

// The certain frames. If none of them is foreign, the first run of foreign frames among the guessed ones
// instead: remains of ended calls are further out.
std::span<const NativeFrame> foreign_part(std::span<const NativeFrame> above) {
  const auto guess = std::ranges::find_if(above, &NativeFrame::guessed);
  const auto certain = above.first(static_cast<std::size_t>(guess - above.begin()));
  if (guess == above.end() || std::ranges::any_of(certain, is_foreign)) return certain;
  const auto begin = std::find_if(guess, above.end(), is_foreign);
  const auto end = std::find_if_not(begin, above.end(), is_foreign);
  return {begin, end};
}

// Up to the end of the first run of the system's functions, which call each other. A run of certain frames
// may continue among the guessed ones.
std::span<const NativeFrame> system_part(std::span<const NativeFrame> above) {
  const auto guess = std::ranges::find_if(above, &NativeFrame::guessed);
  const bool found = std::any_of(above.begin(), guess, is_system);
  const auto begin = found ? guess : std::find_if(guess, above.end(), is_system);
  return {above.begin(), std::find_if_not(begin, above.end(), is_system)};
}

// Without the dispatchers before the bound function, where their last one is known.
std::span<const NativeFrame> bound_part(std::span<const NativeFrame> above) {
  const auto* const last = outermost(above, [](const NativeFrame& f) { return is_last_glue(f.symbol); });
  return last == nullptr ? above : above.first(static_cast<std::size_t>(last - above.data()) + 1);
}

}  // namespace

std::span<const NativeFrame> above_interpreter(std::span<const NativeFrame> chain) {
  const auto loop = std::ranges::find_if(chain, &NativeFrame::loop);
  return chain.first(static_cast<std::size_t>(loop - chain.begin()));
}

bool in_collector(std::span<const NativeFrame> chain, const CallableNames& names) {
  const auto above = above_interpreter(chain);
  const auto* const inside = outermost(above, [](const NativeFrame& frame) {
    return is_interpreter(frame) && (frame.symbol.starts_with("gc_collect_") || frame.symbol == "_Py_RunGC" ||
                                     frame.symbol == "_PyGC_Collect");
  });
  if (inside == nullptr) return false;
  return std::none_of(inside, above.data() + above.size(), [&](const NativeFrame& frame) {
    const auto named = names.find(frame.function);
    return named != names.end() && named->second == "gc:collect";
  });
}

std::string name_culprit(std::span<const NativeFrame> chain, const CallableNames& names) {
  const std::span<const NativeFrame> above = bound_part(above_interpreter(chain));
  const std::span<const NativeFrame> part = foreign_part(above);
  if (const auto* found =
          outermost(part, [](const NativeFrame& f) { return is_foreign(f) && !is_glue(f.symbol); })) {
    const auto named = names.find(found->function);
    return found->symbol.empty() && named != names.end() ? named->second : text_of(*found);
  }
  if (const auto* found = outermost(part, is_foreign)) return found->text();
  const bool by_ctypes = std::ranges::any_of(above, is_ctypes);
  if (!by_ctypes) {
    const auto* found = outermost(above, [&](const NativeFrame& f) { return names.contains(f.function); });
    if (found != nullptr) return names.at(found->function);
  }
  if (by_ctypes || !std::ranges::any_of(above, is_interpreter)) {
    const auto* found = outermost(system_part(above), [](const NativeFrame& f) {
      return is_system(f) && !f.symbol.empty() && !f.library.starts_with("libffi");
    });
    if (found != nullptr) return found->text();
    // Code outside all libraries: generated at run time, or its library was unloaded.
    if (!above.empty() && above.front().library.empty()) return above.front().text();
  }
  const auto* found =
      outermost(above, [](const NativeFrame& f) { return is_interpreter(f) && !is_machinery(f.symbol); });
  return found != nullptr ? found->text() : "";
}

}  // namespace freshframe::gil
