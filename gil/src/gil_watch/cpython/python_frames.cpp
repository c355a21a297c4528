// Walks the interpreter's frames using the offsets of layout.hpp.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/cpython/python_frames.hpp"

#include <array>
#include <span>

#include "gil_watch/cpython/layout.hpp"
#include "gil_watch/stacks/memory.hpp"

namespace freshframe::gil {

namespace {

constexpr std::size_t kUnit = 2;  // bytes of one instruction or cache entry

// Entry kinds of the location table of 3.11: bits 3 to 6 of the first byte.
constexpr unsigned kNoLine = 15;
constexpr unsigned kLong = 14;
constexpr unsigned kNoColumn = 13;
constexpr unsigned kOneLine0 = 10;
constexpr unsigned kOneLine2 = 12;

class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : rest_(bytes) {}
  [[nodiscard]] bool empty() const { return rest_.empty(); }
  unsigned next() {
    if (rest_.empty()) return 0;
    const unsigned byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    return byte;
  }
  // Six bits per byte, least significant first. Bit 6 is set if more bytes follow.
  std::uint32_t next_varint() {
    std::uint32_t value = 0;
    unsigned byte = 0;
    for (unsigned shift = 0; shift < 30; shift += 6) {
      byte = next();
      value |= static_cast<std::uint32_t>(byte & 63U) << shift;
      if ((byte & 64U) == 0) break;
    }
    return value;
  }
  // The sign is in the lowest bit.
  int next_signed_varint() {
    const std::uint32_t value = next_varint();
    const int magnitude = static_cast<int>(value >> 1U);
    return (value & 1U) != 0 ? -magnitude : magnitude;
  }
  // Skips to the start of the next entry, a byte whose top bit is set.
  void skip_to_entry() {
    while (!rest_.empty() && (static_cast<unsigned char>(rest_.front()) & 0x80U) == 0) rest_.remove_prefix(1);
  }

 private:
  std::string_view rest_;
};

}  // namespace

int line_in_location_table(std::string_view table, int first_line, std::size_t byte_offset) {
  Bytes bytes(table);
  int line = first_line;
  std::size_t end = 0;
  while (!bytes.empty()) {
    const unsigned head = bytes.next();
    const unsigned kind = head >> 3U & 15U;
    end += ((head & 7U) + 1) * kUnit;
    if (kind == kLong || kind == kNoColumn) {
      line += bytes.next_signed_varint();
    } else if (kind >= kOneLine0 && kind <= kOneLine2) {
      line += static_cast<int>(kind - kOneLine0);
    }
    if (byte_offset < end) return kind == kNoLine ? 0 : line;
    bytes.skip_to_entry();
  }
  return 0;
}

int line_in_line_table(std::string_view table, int first_line, std::size_t byte_offset) {
  constexpr int kNoLineDelta = -128;
  int line = first_line;
  std::size_t end = 0;
  for (std::size_t i = 0; i + 1 < table.size(); i += 2) {
    const int byte = static_cast<unsigned char>(table[i + 1]);
    const int delta = byte < 128 ? byte : byte - 256;
    end += static_cast<unsigned char>(table[i]);
    if (delta != kNoLineDelta) line += delta;
    if (byte_offset < end) return delta == kNoLineDelta ? 0 : line;
  }
  return 0;
}

namespace {

constexpr std::size_t kMaxPythonFrames = 64;
constexpr int kAttempts = 4;
constexpr std::size_t kNumberWords = 4;  // header, size and first two digits of an int; value of a float
constexpr std::uintptr_t kTagBits = 3;   // 3.14 marks uncounted references

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

// Returns true for a frame that Python does not show and that CPython's own walk skips
// (_PyFrame_IsIncomplete): an entry of the interpreter, between a C function and the Python function that it
// calls; a frame that has yet to create its variables; and the shim between the call of a class and its
// constructor, whose code has no traceable instruction. A generator's frame is complete from the beginning.
bool is_incomplete(std::uintptr_t frame, std::uintptr_t code, std::uintptr_t instruction) noexcept {
  const Layout& layout = compiled_layout();
  if (layout.frame_owner == Layout::kNone) return false;
  unsigned char owner = 0;
  int first_traceable = 0;
  if (!read_value(frame + layout.frame_owner, owner)) return true;
  if (owner >= layout.first_entry_owner) return true;
  if (owner == layout.generator_owner) return false;
  if (!read_value(code + layout.code_first_traceable, first_traceable)) return true;
  constexpr std::uintptr_t kCodeUnit = 2;  // bytes
  return instruction < code + layout.code_bytecode + kCodeUnit * static_cast<std::uintptr_t>(first_traceable);
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
  // The thread may change all of these values while they are being read.
  if (compiled_layout().code_bytecode != Layout::kNone) read_value(mark.instruction, mark.code);
  mark.variables = hash_variables(mark.frame);
  return mark;
}

// Hashes the words after the frame header, and the values of ints and floats they point to. Without the
// values, a counter whose new object reuses the address of the old one would look unchanged. The contents of
// other objects are not hashed, because a C function that works on them changes them too.
std::uint64_t FrameReader::hash_variables(std::uintptr_t frame) const noexcept {
  constexpr std::size_t kWords = 12;
  std::array<std::uintptr_t, kWords> words{};
  if (!read_value(frame + compiled_layout().frame_locals, words)) return 0;
  std::uint64_t hash = 0;
  const auto mix = [&](std::uint64_t value) {
    hash = (hash ^ value) * 0x9E3779B97F4A7C15ULL;
    hash ^= hash >> 29U;
  };
  std::array<std::uintptr_t, kWords> objects{};
  std::size_t count = 0;
  for (const std::uintptr_t word : words) {
    mix(word);
    constexpr std::uintptr_t kLowest = 0x10000;
    const std::uintptr_t object = word & ~kTagBits;
    if (object >= kLowest && object % sizeof(void*) == 0 && object >> 47U == 0) objects[count++] = object;
  }
  // reference count, type, and the content of a number
  std::array<std::array<std::uintptr_t, kNumberWords>, kWords> heads{};
  const std::size_t read =
      read_each(std::span(objects).first(count), sizeof heads[0], reinterpret_cast<std::byte*>(heads.data()));
  for (std::size_t i = 0; i < read; ++i) {
    const bool integer = heads[i][1] == reinterpret_cast<std::uintptr_t>(types_.integer);
    const bool real = heads[i][1] == reinterpret_cast<std::uintptr_t>(types_.real);
    if (integer || real) mix(heads[i][2]);
    if (integer) mix(heads[i][3]);
  }
  return hash;
}

std::vector<FrameReader::Raw> FrameReader::chain(std::uintptr_t thread_state) const {
  const Layout& layout = compiled_layout();
  std::vector<Raw> chain;
  std::uintptr_t frame = current_frame(thread_state);
  for (std::size_t steps = 0; frame != 0 && steps < 4 * kMaxPythonFrames && chain.size() < kMaxPythonFrames;
       ++steps) {
    const std::uintptr_t code = read_pointer(frame + layout.frame_code) & ~kTagBits;
    if (code != 0 && is_instance(code, types_.code)) {
      const std::uintptr_t instruction = read_instruction(frame);
      if (!is_incomplete(frame, code, instruction)) chain.push_back({frame, code, instruction});
    }
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
    const auto index = static_cast<int>(raw.instruction);  // -1: not started
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
    // A running loop changes its frames constantly. Frames that both reads have in common, from the outermost
    // one inwards, existed throughout.
    std::size_t same = 0;
    while (same < raw.size() && same < again.size() &&
           raw[raw.size() - 1 - same].same_call(again[again.size() - 1 - same]))
      ++same;
    frames.erase(frames.begin(), frames.end() - static_cast<std::ptrdiff_t>(same));
  }
  return frames;
}

}  // namespace freshframe::gil
