// Sorts frames into the interpreter's, the system's, glue and foreign ones by library and symbol.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/watch/culprit.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace freshframe::gil {
namespace {

bool starts_with_any(std::string_view text, std::span<const std::string_view> prefixes) {
  return std::ranges::any_of(prefixes, [&](std::string_view prefix) { return text.starts_with(prefix); });
}

bool is_ctypes(const NativeFrame& frame) {
  return frame.library.starts_with("_ctypes.");
}

bool is_interpreter(const NativeFrame& frame) {
  return frame.library.starts_with("libpython") || frame.library.starts_with("python");
}

// Libraries on which extensions are built: the caller of a function in them is the better name.
bool is_system(const NativeFrame& frame) {
  static constexpr std::array<std::string_view, 9> kLibraries{
      "libc.so",   "libpthread.so", "libm.so",    "librt.so", "ld-linux",
      "libffi.so", "libstdc++.so",  "linux-vdso", "[vdso",
  };
  return frame.library.empty() || starts_with_any(frame.library, kLibraries);
}

// Dispatchers of binding libraries: between Python and the function that was bound.
bool is_glue(const NativeFrame& frame) {
  static constexpr std::array<std::string_view, 9> kPrefixes{
      "nanobind::detail::",  "nb_func_",        "nb_method_",
      "nb_bound_method_",    "pybind11::",      "_object* nanobind::",
      "_object* pybind11::", "void pybind11::", "pyo3::",
  };
  static constexpr std::array<std::string_view, 3> kParts{
      "nanobind::detail::func_create", "pybind11::cpp_function::", "freshframe::gil::detail::"};
  return starts_with_any(frame.symbol, kPrefixes) || std::ranges::any_of(kParts, [&](std::string_view part) {
           return frame.symbol.find(part) != std::string::npos;
         });
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

// Up to the end of the first run of the system's functions, which call each other. A run of certain frames may
// continue among the guessed ones.
std::span<const NativeFrame> system_part(std::span<const NativeFrame> above) {
  const auto guess = std::ranges::find_if(above, &NativeFrame::guessed);
  const bool found = std::any_of(above.begin(), guess, is_system);
  const auto begin = found ? guess : std::find_if(guess, above.end(), is_system);
  return {above.begin(), std::find_if_not(begin, above.end(), is_system)};
}

}  // namespace

std::span<const NativeFrame> above_interpreter(std::span<const NativeFrame> chain) {
  const auto loop = std::ranges::find_if(chain, &NativeFrame::loop);
  return chain.first(static_cast<std::size_t>(loop - chain.begin()));
}

std::string name_culprit(std::span<const NativeFrame> chain, const CallableNames& names) {
  const std::span<const NativeFrame> above = above_interpreter(chain);
  const std::span<const NativeFrame> part = foreign_part(above);
  if (const auto* found =
          outermost(part, [](const NativeFrame& f) { return is_foreign(f) && !is_glue(f); })) {
    const auto named = names.find(found->function);
    return found->symbol.empty() && named != names.end() ? named->second : found->text();
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
