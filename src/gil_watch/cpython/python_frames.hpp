// The Python frames of a thread, read from memory while the thread runs: no GIL, no Python call.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace freshframe::gil {

struct PythonFrame {
  std::string file;
  std::string function;  // qualified from CPython 3.11 on
  int line = 0;          // 0: unknown

  friend bool operator==(const PythonFrame&, const PythonFrame&) = default;
};

/// A thread's position in its bytecode. If it is equal at two times, the thread has not moved, so it is
/// inside one call of native code (or in a loop so tight that neither its instruction nor its variables show
/// it).
struct PlaceMark {
  std::uintptr_t frame = 0;
  std::uintptr_t instruction = 0;
  std::uint64_t variables = 0;  // hash of the frame's first local variables: their addresses and numbers

  friend bool operator==(const PlaceMark&, const PlaceMark&) = default;
};

/// Addresses of types, by which live objects are distinguished from freed memory.
struct KnownTypes {
  const void* code = nullptr;
  const void* integer = nullptr;
  const void* real = nullptr;
};

/// Reads records of the Python that this was compiled for.
class FrameReader {
 public:
  explicit FrameReader(const KnownTypes& types) : types_(types) {}

  /// The position of the thread of this thread state.
  [[nodiscard]] PlaceMark mark(std::uintptr_t thread_state) const noexcept;

  /// The innermost record of that thread, as in its mark; 0: it runs no Python.
  [[nodiscard]] static std::uintptr_t current_frame(std::uintptr_t thread_state) noexcept;

  /// The thread's frames, innermost first, at most 64: those on which two readings of the chain agree. Empty
  /// when it runs no Python.
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
