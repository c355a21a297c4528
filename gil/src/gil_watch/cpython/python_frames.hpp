// Reads the Python frames of a running thread from memory, without the GIL or any Python call.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace freshframe::gil {

/// The line of a bytecode offset in CPython 3.11 and newer; 0 if the table has none. Format:
/// Objects/locations.md of CPython 3.11 (InternalDocs/code_objects.md since 3.13).
int line_in_location_table(std::string_view table, int first_line, std::size_t byte_offset);

/// Like line_in_location_table(), for CPython 3.10. Format: Objects/lnotab_notes.txt of CPython 3.10 (PEP
/// 626).
int line_in_line_table(std::string_view table, int first_line, std::size_t byte_offset);

struct PythonFrame {
  std::string file;
  std::string function;  // qualified name from CPython 3.11 on
  int line = 0;          // 0 if unknown

  friend bool operator==(const PythonFrame&, const PythonFrame&) = default;
};

/// A thread's position in its bytecode. If it is equal at two times, the thread has not moved, so it is
/// inside one call of native code (or in a loop so tight that none of these values changes). Note
/// [Instructions that are not recorded] An interpreter has to record an instruction in the frame only before
/// the instruction calls something, and its compiler may leave out other records. So a short loop may always
/// be at the same instruction: at FOR_ITER of `for _ in repeat(None): pass` in Debian's 3.13, at the jump of
/// `while True: pass` in all versions. An instruction that finds nothing to specialize for, such as that
/// FOR_ITER, counts its runs in the inline cache after it. If there is no such count either, only a native
/// stack that ends in the interpreter's loop distinguishes bytecode from a call.
struct PlaceMark {
  std::uintptr_t frame = 0;
  std::uintptr_t instruction = 0;
  std::uint64_t code = 0;       // the instruction and its first inline caches; 0 in 3.10
  std::uint64_t variables = 0;  // hash of the frame's first local variables: their addresses and numbers

  friend bool operator==(const PlaceMark&, const PlaceMark&) = default;
};

/// Addresses of types, to distinguish live objects from freed memory.
struct KnownTypes {
  const void* code = nullptr;
  const void* integer = nullptr;
  const void* real = nullptr;
};

/// Reads structures of the Python version that this was compiled for.
class FrameReader {
 public:
  explicit FrameReader(const KnownTypes& types) : types_(types) {}

  /// The current position of the thread with this thread state.
  [[nodiscard]] PlaceMark mark(std::uintptr_t thread_state) const noexcept;

  /// Returns the thread's innermost Python frame, as in its mark; 0 if the thread runs no Python code.
  [[nodiscard]] static std::uintptr_t current_frame(std::uintptr_t thread_state) noexcept;

  /// The thread's frames, innermost first, at most 64. Includes only frames that two successive reads agree
  /// on. Empty if it runs no Python code.
  [[nodiscard]] std::vector<PythonFrame> frames(std::uintptr_t thread_state) const;

 private:
  struct Raw {
    std::uintptr_t frame;
    std::uintptr_t code;
    std::uintptr_t instruction;
    [[nodiscard]] bool same_call(const Raw& other) const {
      return frame == other.frame && code == other.code;
    }
    friend bool operator==(const Raw&, const Raw&) = default;
  };
  [[nodiscard]] std::vector<Raw> chain(std::uintptr_t thread_state) const;
  [[nodiscard]] static PythonFrame describe(const Raw& raw);

  [[nodiscard]] std::uint64_t hash_variables(std::uintptr_t frame) const noexcept;

  KnownTypes types_;
};

}  // namespace freshframe::gil
