// Offsets of the fields that the watch reads in CPython's internal structures.
// SPDX-License-Identifier: Apache-2.0
//
// The offsets are taken from the headers that this module is compiled with (layout.cpp), checked against the
// running interpreter where it publishes them (3.13 and newer), and proved by a self-test before a watch
// starts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace freshframe::gil {

/// Offsets in bytes; kNone if a version does not have the field.
struct Layout {
  static constexpr std::size_t kNone = ~std::size_t{0};
  static constexpr unsigned char kNoOwner = 0xFF;

  // Thread state.
  std::size_t thread_frame;      // the current frame, or a structure that points to it
  std::size_t cframe_frame;      // kNone if the thread state points to the frame directly
  std::size_t thread_ident;      // pthread_t
  std::size_t thread_native_id;  // kernel thread id; kNone in 3.10
  // Interpreter frame.
  std::size_t frame_code;
  std::size_t frame_previous;
  std::size_t frame_instruction;  // pointer into the bytecode, or the index of a code unit in 3.10
  std::size_t frame_locals;
  std::size_t frame_owner;          // one byte; kNone in 3.10
  unsigned char generator_owner;    // value of frame_owner for a generator's frame
  unsigned char first_entry_owner;  // values from this one on mark internal entries of the interpreter
  // Code object.
  std::size_t code_filename;
  std::size_t code_name;
  std::size_t code_first_line;
  std::size_t code_lines;     // a bytes object
  std::size_t code_bytecode;  // kNone if the frame has an index
  /// Index of the code unit before which a frame is incomplete, or kNone in 3.10.
  std::size_t code_first_traceable;
};

/// The layout of the Python version that this was compiled for.
const Layout& compiled_layout() noexcept;

/// The reason why the running interpreter does not match this module, or an empty string.
std::string mismatch(const void* runtime);

/// True if compiled for a free-threaded build of Python.
bool compiled_free_threaded() noexcept;

// ---- strings, which layout.cpp can read with the layout of the records

/// Reads a str as UTF-8, at most 4096 characters. Returns an empty string if it cannot be read.
std::string read_text(std::uintptr_t object);

/// Reads a bytes object, at most 1 MiB. Returns an empty string if it cannot be read.
std::string read_bytes(std::uintptr_t object);

/// Returns true if the object at `address` has the type at `type`.
bool is_instance(std::uintptr_t address, const void* type) noexcept;

}  // namespace freshframe::gil
