// Like ThreadSanitizer, keeps a vector clock for each thread and for each object with which threads
// synchronize. Each access is compared with the last accesses to the same eight bytes, all of which are kept.
// SPDX-License-Identifier: Apache-2.0
#include "races.hpp"

#include <utility>

namespace freshframe::interleave {
namespace {

constexpr std::size_t kCellBytes = 8;

std::uintptr_t cell_of(std::uintptr_t address) {
  return address / kCellBytes;
}
std::uintptr_t cell_of(const void* memory) {
  return cell_of(reinterpret_cast<std::uintptr_t>(memory));
}

}  // namespace

void Races::Cells::clear() {
  ++execution_;
  used_ = 0;
}

Races::Cells::Slot& Races::Cells::slot_of(std::uintptr_t number) {
  constexpr std::uint64_t kSpread = 0x9E3779B97F4A7C15;  // the golden ratio (Knuth's multiplicative hash)
  constexpr int kUpper = 32;
  auto i = static_cast<std::size_t>(number * kSpread >> kUpper) & (slots_.size() - 1);
  while (slots_[i].execution == execution_ && slots_[i].number != number) i = (i + 1) & (slots_.size() - 1);
  return slots_[i];
}

Races::Cell* Races::Cells::find(std::uintptr_t number) {
  auto& slot = slot_of(number);
  return slot.execution == execution_ ? &slot.cell : nullptr;
}

Races::Cell& Races::Cells::at(std::uintptr_t number) {
  if (2 * used_ >= slots_.size()) grow();
  auto& slot = slot_of(number);
  if (slot.execution != execution_) {
    slot = {number, execution_, {}};
    ++used_;
  }
  return slot.cell;
}

void Races::Cells::grow() {
  auto before = std::exchange(slots_, std::vector<Slot>(2 * slots_.size()));
  for (auto& slot : before) {
    if (slot.execution == execution_) slot_of(slot.number) = slot;
  }
}

void Races::begin_execution(std::size_t threads) {
  threads_ = {};
  count_ = threads;
  for (std::size_t i = 0; i < threads; ++i) threads_[i].tick(i);
  objects_.clear();
  cells_.clear();
  race_ = {};
}

void Races::acquire(std::size_t thread, const void* object) {
  const auto found = objects_.find(object);
  if (found != objects_.end()) threads_[thread].join(found->second);
}

void Races::release(std::size_t thread, const void* object, bool only) {
  auto& clock = objects_[object];
  if (only) {
    clock = threads_[thread];
  } else {
    clock.join(threads_[thread]);
  }
}

void Races::access(std::size_t thread, Access access) {
  while (access.bytes > 0) {
    auto part = access;
    part.bytes = std::min(access.bytes, kCellBytes - access.address % kCellBytes);
    access_cell(thread, part);
    access.address += part.bytes;
    access.bytes -= part.bytes;
  }
}

void Races::note_race(const char* what, const void* place, const void* other) {
  if (!found()) race_ = {what, place, other};
}

void Races::access_cell(std::size_t thread, const Access& access) {
  auto& cell = cells_.at(cell_of(access.address));
  const auto mask = static_cast<std::uint8_t>(((1U << access.bytes) - 1) << (access.address % kCellBytes));
  const auto& clock = threads_[thread];
  if (cell.is_freed) {
    return note_race(access.writes ? "use after free: a write" : "use after free: a read", access.place,
                     nullptr);
  }
  if (cell.is_written && (cell.written & mask) != 0 && cell.write_step > clock.of(cell.writer)) {
    note_race(access.writes ? "data race: a write and a write before it"
                            : "data race: a read and a write before it",
              access.place, cell.write_place);
  }
  if (!access.writes) {
    cell.read_steps[thread] = clock.of(thread);
    cell.read[thread] |= mask;
    cell.read_places[thread] = access.place;
    return;
  }
  for (std::size_t i = 0; i < count_; ++i) {
    if ((cell.read[i] & mask) != 0 && cell.read_steps[i] > clock.of(i)) {
      note_race("data race: a write and a read before it", access.place, cell.read_places[i]);
    }
  }
  cell.is_written = true;
  cell.writer = static_cast<std::uint8_t>(thread);
  cell.written = mask;
  cell.write_step = clock.of(thread);
  cell.write_place = access.place;
}

void Races::allocated(const void* memory, std::size_t bytes) {
  for (auto i = cell_of(memory); i <= cell_of(static_cast<const char*>(memory) + bytes); ++i) {
    if (auto* const cell = cells_.find(i)) *cell = {};
  }
}

void Races::freed(const void* memory, std::size_t bytes) {
  for (auto i = cell_of(memory); i < cell_of(static_cast<const char*>(memory) + bytes); ++i) {
    cells_.at(i) = {.is_freed = true};
  }
}

}  // namespace freshframe::interleave
