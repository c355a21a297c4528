// Names and layouts of the records' fields, for Python.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "fleet/records.hpp"

namespace freshframe::fleet {

/// A field of a NumPy structured dtype.
struct RecordField {
  const char* name;
  const char* format;  // NumPy format, such as "<u8"
  std::size_t entries;
  std::size_t offset;
  std::size_t size_bytes;
};

template <class T>
struct FieldType {
  using Entry = T;
  static constexpr std::size_t kEntries = 1;
};
template <class T, std::size_t N>
struct FieldType<std::array<T, N>> {
  using Entry = T;
  static constexpr std::size_t kEntries = N;
};

template <class T>
constexpr const char* get_format() {
  if constexpr (std::is_same_v<T, std::uint64_t>) return "<u8";
  if constexpr (std::is_same_v<T, std::int64_t>) return "<i8";
  if constexpr (std::is_same_v<T, std::uint32_t>) return "<u4";
  if constexpr (std::is_same_v<T, double>) return "<f8";
}

template <class T>
constexpr RecordField field(const char* name, std::size_t offset) {
  using Type = FieldType<T>;
  return {name, get_format<typename Type::Entry>(), Type::kEntries, offset, sizeof(T)};
}

#define FRESHFRAME_RECORD_FIELD(record, name) field<decltype(record::name)>(#name, offsetof(record, name))

inline constexpr std::array kCameraFields{
    FRESHFRAME_RECORD_FIELD(CameraRecord, epoch),        FRESHFRAME_RECORD_FIELD(CameraRecord, results),
    FRESHFRAME_RECORD_FIELD(CameraRecord, age_ns),       FRESHFRAME_RECORD_FIELD(CameraRecord, frames),
    FRESHFRAME_RECORD_FIELD(CameraRecord, frame_age_ns), FRESHFRAME_RECORD_FIELD(CameraRecord, away_ns),
    FRESHFRAME_RECORD_FIELD(CameraRecord, fps),          FRESHFRAME_RECORD_FIELD(CameraRecord, drops),
    FRESHFRAME_RECORD_FIELD(CameraRecord, camera)};
inline constexpr std::array kOutboxFields{
    FRESHFRAME_RECORD_FIELD(OutboxRecord, epoch),   FRESHFRAME_RECORD_FIELD(OutboxRecord, reported),
    FRESHFRAME_RECORD_FIELD(OutboxRecord, full),    FRESHFRAME_RECORD_FIELD(OutboxRecord, expired),
    FRESHFRAME_RECORD_FIELD(OutboxRecord, fenced),  FRESHFRAME_RECORD_FIELD(OutboxRecord, handed),
    FRESHFRAME_RECORD_FIELD(OutboxRecord, waiting), FRESHFRAME_RECORD_FIELD(OutboxRecord, camera),
    FRESHFRAME_RECORD_FIELD(OutboxRecord, reader)};
inline constexpr std::array kResultFields{
    FRESHFRAME_RECORD_FIELD(ResultRecord, epoch),  FRESHFRAME_RECORD_FIELD(ResultRecord, ordinal),
    FRESHFRAME_RECORD_FIELD(ResultRecord, seq),    FRESHFRAME_RECORD_FIELD(ResultRecord, part),
    FRESHFRAME_RECORD_FIELD(ResultRecord, pts),    FRESHFRAME_RECORD_FIELD(ResultRecord, time),
    FRESHFRAME_RECORD_FIELD(ResultRecord, camera), FRESHFRAME_RECORD_FIELD(ResultRecord, size_bytes)};

#undef FRESHFRAME_RECORD_FIELD

/// Returns true if the fields cover the whole record.
template <class Record, std::size_t N>
constexpr bool covers(const std::array<RecordField, N>& fields) {
  std::size_t end = 0;
  for (const RecordField& field : fields) {
    if (field.offset != end) return false;
    end += field.size_bytes;
  }
  return end == sizeof(Record);
}

static_assert(covers<CameraRecord>(kCameraFields));
static_assert(covers<OutboxRecord>(kOutboxFields));
static_assert(covers<ResultRecord>(kResultFields));

}  // namespace freshframe::fleet
