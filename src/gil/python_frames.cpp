// Walks the interpreter's frame records by the offsets of layout.hpp.
// SPDX-License-Identifier: Apache-2.0
#include "gil/python_frames.hpp"

#include <array>
#include <cstring>

#include "gil/layout.hpp"
#include "gil/line_table.hpp"
#include "gil/memory.hpp"

namespace freshframe::gil {
namespace {

constexpr std::size_t kMaxFrames = 64;
constexpr int kAttempts = 4;
constexpr std::uintptr_t kTagBits = 3;  // 3.14 marks references that are not counted

std::uintptr_t read_pointer(std::uintptr_t address) noexcept {
  std::uintptr_t value = 0;
  read_value(address, value);
  return value;
}

std::uintptr_t read_instruction(std::uintptr_t frame) noexcept {
  const Layout& layout = compiled_layout();
  if (layout.code_bytecode != Layout::kNone) return read_pointer(frame + layout.frame_instruction);
  int index = 0;
  read_value(frame + layout.frame_instruction, index);
  return static_cast<std::uintptr_t>(index);
}

}  // namespace

std::uintptr_t FrameReader::current_frame(std::uintptr_t thread_state) noexcept {
  const Layout& layout = compiled_layout();
  const std::uintptr_t found = read_pointer(thread_state + layout.thread_frame);
  if (layout.cframe_frame == Layout::kNone || found == 0) return found;
  return read_pointer(found + layout.cframe_frame);
}

PlaceMark FrameReader::mark(std::uintptr_t thread_state) const noexcept {
  PlaceMark mark;
  mark.frame = current_frame(thread_state);
  if (mark.frame == 0) return mark;
  mark.instruction = read_instruction(mark.frame);
  // Twelve words behind the frame's head: the loop variable of a tight loop is nearly always among them.
  std::array<std::uint64_t, 12> words{};
  if (read_value(mark.frame + compiled_layout().frame_locals, words)) {
    for (const std::uint64_t word : words) {
      mark.variables = (mark.variables ^ word) * 0x9E3779B97F4A7C15ULL;
      mark.variables ^= mark.variables >> 29U;
    }
  }
  return mark;
}

std::vector<FrameReader::Raw> FrameReader::chain(std::uintptr_t thread_state) const {
  const Layout& layout = compiled_layout();
  std::vector<Raw> chain;
  std::uintptr_t frame = current_frame(thread_state);
  for (std::size_t steps = 0; frame != 0 && steps < 4 * kMaxFrames && chain.size() < kMaxFrames; ++steps) {
    const std::uintptr_t code = read_pointer(frame + layout.frame_code) & ~kTagBits;
    // The interpreter's own entries, between a C function and the Python function that it calls, have none.
    if (code != 0 && is_instance(code, code_type_)) chain.push_back({frame, code, read_instruction(frame)});
    frame = read_pointer(frame + layout.frame_previous);
  }
  return chain;
}

PythonFrame FrameReader::describe(const Raw& raw) {
  const Layout& layout = compiled_layout();
  PythonFrame frame;
  frame.file = read_text(read_pointer(raw.code + layout.code_filename));
  frame.function = read_text(read_pointer(raw.code + layout.code_name));
  int first_line = 0;
  read_value(raw.code + layout.code_first_line, first_line);
  const std::string table = read_bytes(read_pointer(raw.code + layout.code_lines));
  if (layout.code_bytecode == Layout::kNone) {
    const auto index = static_cast<int>(raw.instruction);  // -1: it has not begun
    frame.line =
        index < 0 ? first_line : line_in_line_table(table, first_line, static_cast<std::size_t>(index) * 2);
    return frame;
  }
  const std::uintptr_t begin = raw.code + layout.code_bytecode;
  if (raw.instruction < begin) {
    frame.line = first_line;
  } else {
    frame.line = line_in_location_table(table, first_line, raw.instruction - begin);
  }
  return frame;
}

std::vector<PythonFrame> FrameReader::frames(std::uintptr_t thread_state) const {
  std::vector<PythonFrame> frames;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const std::vector<Raw> raw = chain(thread_state);
    frames.clear();
    for (const Raw& each : raw) frames.push_back(describe(each));
    const std::vector<Raw> again = chain(thread_state);
    if (again == raw) return frames;
    if (attempt + 1 < kAttempts) continue;
    // A running loop never holds still. What both readings have in common, from the outermost frame inwards,
    // was there all the time.
    std::size_t same = 0;
    while (same < raw.size() && same < again.size() &&
           raw[raw.size() - 1 - same].same_call(again[again.size() - 1 - same]))
      ++same;
    frames.erase(frames.begin(), frames.end() - static_cast<std::ptrdiff_t>(same));
  }
  return frames;
}

}  // namespace freshframe::gil
