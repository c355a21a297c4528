// Offsets for layout.hpp, taken from the interpreter's own headers. Does not link to any symbol of Python.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/cpython/layout.hpp"

#define Py_BUILD_CORE 1  // NOLINT(readability-identifier-naming,bugprone-reserved-identifier)
#include <Python.h>
#undef HAVE_STD_ATOMIC  // <stdatomic.h> is not available in C++20; the alternative types have the same size

#include <algorithm>
#include <string_view>

#include "internal/pycore_gil.h"
#include "internal/pycore_interp.h"
#include "internal/pycore_runtime.h"
#if PY_VERSION_HEX >= 0x030B0000
#include "internal/pycore_frame.h"
#else
#include <frameobject.h>
#endif
#if PY_VERSION_HEX >= 0x030E0000
#include "internal/pycore_interpframe_structs.h"
#endif

#include "gil_watch/cpython/gil_record.hpp"
#include "gil_watch/names/utf8.hpp"
#include "gil_watch/stacks/memory.hpp"

namespace freshframe::gil {
namespace {

#ifdef Py_GIL_DISABLED
constexpr bool kFreeThreaded = true;
#else
constexpr bool kFreeThreaded = false;
static_assert(offsetof(GilRecord, last_holder) == offsetof(struct _gil_runtime_state, last_holder));
static_assert(offsetof(GilRecord, locked) == offsetof(struct _gil_runtime_state, locked));
static_assert(offsetof(GilRecord, switch_number) == offsetof(struct _gil_runtime_state, switch_number));
#if PY_VERSION_HEX < 0x030C0000
static_assert(gil_offset(PY_MINOR_VERSION) == offsetof(_PyRuntimeState, ceval.gil));
#else
static_assert(gil_offset(PY_MINOR_VERSION) == offsetof(PyInterpreterState, ceval.gil));
#endif
#endif

std::uintptr_t to_address(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer);
}

constexpr std::size_t kMaxText = 4096;
constexpr std::size_t kLongestBytes = std::size_t{1} << 20;

constexpr Layout make_layout() {
#if PY_VERSION_HEX < 0x030B0000
  return {
      .thread_frame = offsetof(PyThreadState, frame),
      .cframe_frame = Layout::kNone,
      .thread_ident = offsetof(PyThreadState, thread_id),
      .thread_native_id = Layout::kNone,
      .frame_code = offsetof(PyFrameObject, f_code),
      .frame_previous = offsetof(PyFrameObject, f_back),
      .frame_instruction = offsetof(PyFrameObject, f_lasti),
      .frame_locals = offsetof(PyFrameObject, f_localsplus),
      .frame_owner = Layout::kNone,
      .generator_owner = 0,
      .first_entry_owner = 0,
      .code_filename = offsetof(PyCodeObject, co_filename),
      .code_name = offsetof(PyCodeObject, co_name),
      .code_first_line = offsetof(PyCodeObject, co_firstlineno),
      .code_lines = offsetof(PyCodeObject, co_linetable),
      .code_bytecode = Layout::kNone,
      .code_first_traceable = Layout::kNone,
  };
#else
  return {
#if PY_VERSION_HEX < 0x030D0000
      .thread_frame = offsetof(PyThreadState, cframe),
      .cframe_frame = offsetof(_PyCFrame, current_frame),
#else
      .thread_frame = offsetof(PyThreadState, current_frame),
      .cframe_frame = Layout::kNone,
#endif
      .thread_ident = offsetof(PyThreadState, thread_id),
      .thread_native_id = offsetof(PyThreadState, native_thread_id),
#if PY_VERSION_HEX < 0x030D0000
      .frame_code = offsetof(_PyInterpreterFrame, f_code),
      .frame_previous = offsetof(_PyInterpreterFrame, previous),
      .frame_instruction = offsetof(_PyInterpreterFrame, prev_instr),
#else
      .frame_code = offsetof(_PyInterpreterFrame, f_executable),
      .frame_previous = offsetof(_PyInterpreterFrame, previous),
      .frame_instruction = offsetof(_PyInterpreterFrame, instr_ptr),
#endif
      .frame_locals = offsetof(_PyInterpreterFrame, localsplus),
      .frame_owner = offsetof(_PyInterpreterFrame, owner),
      .generator_owner = FRAME_OWNED_BY_GENERATOR,
#if PY_VERSION_HEX >= 0x030E0000
      .first_entry_owner = FRAME_OWNED_BY_INTERPRETER,
#elif PY_VERSION_HEX >= 0x030C0000
      .first_entry_owner = FRAME_OWNED_BY_CSTACK,
#else
      .first_entry_owner = Layout::kNoOwner,
#endif
      .code_filename = offsetof(PyCodeObject, co_filename),
      .code_name = offsetof(PyCodeObject, co_qualname),
      .code_first_line = offsetof(PyCodeObject, co_firstlineno),
      .code_lines = offsetof(PyCodeObject, co_linetable),
      .code_bytecode = offsetof(PyCodeObject, co_code_adaptive),
      .code_first_traceable = offsetof(PyCodeObject, _co_firsttraceable),
  };
#endif
}

constexpr Layout kLayout = make_layout();

#if PY_VERSION_HEX >= 0x030D0000
// Returns true if the offsets that the interpreter publishes for debuggers and profilers equal ours.
bool lays_out_alike(const _Py_DebugOffsets& said) {
  return said.thread_state.current_frame == kLayout.thread_frame &&
         said.thread_state.thread_id == kLayout.thread_ident &&
         said.thread_state.native_thread_id == kLayout.thread_native_id &&
         said.interpreter_frame.executable == kLayout.frame_code &&
         said.interpreter_frame.previous == kLayout.frame_previous &&
         said.interpreter_frame.instr_ptr == kLayout.frame_instruction &&
         said.interpreter_frame.localsplus == kLayout.frame_locals &&
         said.code_object.filename == kLayout.code_filename &&
         said.code_object.qualname == kLayout.code_name &&
         said.code_object.firstlineno == kLayout.code_first_line &&
         said.code_object.linetable == kLayout.code_lines &&
         said.code_object.co_code_adaptive == kLayout.code_bytecode &&
         said.interpreter_state.ceval_gil == offsetof(PyInterpreterState, ceval.gil) &&
         said.unicode_object.asciiobject_size == sizeof(PyASCIIObject) &&
         said.bytes_object.ob_sval == offsetof(PyBytesObject, ob_sval);
}

// The reason why the published offsets do not match the headers, or an empty string.
std::string published_mismatch(const _Py_DebugOffsets& said) {
  if (std::string_view(said.cookie, 8) != "xdebugpy") return "its debug offsets have no cookie";
  if (said.version >> 16 != PY_VERSION_HEX >> 16) return "its debug offsets are of another version";
  if (said.free_threaded != (kFreeThreaded ? 1U : 0U)) return "it is built with another kind of lock";
  return lays_out_alike(said) ? "" : "its records are laid out differently";
}
#endif

}  // namespace

const Layout& compiled_layout() noexcept {
  return kLayout;
}

bool compiled_free_threaded() noexcept {
  return kFreeThreaded;
}

std::string mismatch([[maybe_unused]] const void* runtime) {
#if PY_VERSION_HEX >= 0x030D0000
  _Py_DebugOffsets said{};
  if (!read_value(to_address(runtime), said)) return "its memory cannot be read";
  return published_mismatch(said);
#else
  return "";
#endif
}

std::string read_text(std::uintptr_t object) {
  PyASCIIObject head{};
  if (!read_value(object, head) || head.length <= 0) return "";
  const bool plausible =
      head.state.compact != 0 && (head.state.kind == 1 || head.state.kind == 2 || head.state.kind == 4);
  if (!plausible) return "";
  const std::size_t length = std::min(static_cast<std::size_t>(head.length), kMaxText);
  const std::size_t width = head.state.kind;
  std::string raw(length * width, '\0');
  const std::size_t skip = head.state.ascii != 0 ? sizeof(PyASCIIObject) : sizeof(PyCompactUnicodeObject);
  if (!read_memory(object + skip, raw.data(), raw.size())) return "";
  std::string text;
  for (std::size_t i = 0; i < length; ++i) {
    std::uint32_t point = 0;  // both supported architectures are little-endian
    for (std::size_t byte = 0; byte < width; ++byte) {
      point |= static_cast<std::uint32_t>(static_cast<unsigned char>(raw[i * width + byte])) << (8 * byte);
    }
    // A surrogate stands for an undecodable byte, such as in a path.
    constexpr std::uint32_t kReplacement = 0xFFFD;
    if (!append_point(text, point)) append_point(text, kReplacement);
  }
  return text;
}

std::string read_bytes(std::uintptr_t object) {
  Py_ssize_t size = 0;
  if (!read_value(object + offsetof(PyVarObject, ob_size), size)) return "";
  if (size <= 0 || static_cast<std::size_t>(size) > kLongestBytes) return "";
  std::string bytes(static_cast<std::size_t>(size), '\0');
  return read_memory(object + offsetof(PyBytesObject, ob_sval), bytes.data(), bytes.size()) ? bytes : "";
}

bool is_instance(std::uintptr_t address, const void* type) noexcept {
  std::uintptr_t found = 0;
  return read_value(address + offsetof(PyObject, ob_type), found) && found == to_address(type);
}

}  // namespace freshframe::gil
