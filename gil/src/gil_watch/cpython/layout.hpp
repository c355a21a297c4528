// The offsets of the fields that the watch reads inside CPython's records, as numbers.
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

/// Offsets in bytes; kNone where a version does not have the field.
struct Layout {
  static constexpr std::size_t kNone = ~std::size_t{0};
  static constexpr unsigned char kNoOwner = 0xFF;

  // thread state
  std::size_t thread_frame;      // the current frame, or the record that points to it
  std::size_t cframe_frame;      // kNone: the thread state points to the frame itself
  std::size_t thread_ident;      // pthread_t
  std::size_t thread_native_id;  // the kernel's id; kNone in 3.10
  // interpreter frame
  std::size_t frame_code;
  std::size_t frame_previous;
  std::size_t frame_instruction;  // pointer into the bytecode, or the index of a code unit in 3.10
  std::size_t frame_locals;
  std::size_t frame_owner;          // one byte; kNone in 3.10
  unsigned char generator_owner;    // its frame belongs to a generator
  unsigned char first_entry_owner;  // from this value on it is an entry of the interpreter itself
  // code object
  std::size_t code_filename;
  std::size_t code_name;
  std::size_t code_first_line;
  std::size_t code_lines;     // bytes object
  std::size_t code_bytecode;  // kNone: the frame has an index
  /// Index of the code unit before which a frame is incomplete, or kNone in 3.10.
  std::size_t code_first_traceable;
};

/// The layout of the Python that this was compiled for.
const Layout& compiled_layout() noexcept;

/// The reason why the running interpreter does not match this module; empty means it matches.
std::string mismatch(const void* runtime);

/// Compiled for a build of Python without a GIL.
bool compiled_free_threaded() noexcept;

// ---- strings, which layout.cpp can read with the layout of the records

/// Text of a str object, as UTF-8, at most 4096 characters; empty when it cannot be read.
std::string read_text(std::uintptr_t object);

/// Contents of a bytes object, at most 1 MiB; empty when it cannot be read.
std::string read_bytes(std::uintptr_t object);

/// Whether the object at `address` is of the type at `type`.
bool is_instance(std::uintptr_t address, const void* type) noexcept;

}  // namespace freshframe::gil
