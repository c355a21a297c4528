// Creates Circles, and reuses their memory.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/results/circles.hpp"

#include "freshframe/error.hpp"
#include "freshframe/forks.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>

#include "bindings/border/classes.hpp"
#include "bindings/border/made_once.hpp"
#include "bindings/results/result_memory.hpp"

namespace nb = nanobind;

namespace freshframe::python {
namespace {

constexpr Py_ssize_t kCircleFloats = sizeof(Circle) / sizeof(float);
constexpr Py_ssize_t kTrackFloats = sizeof(TrackInfo) / sizeof(float);
static_assert(offsetof(TrackInfo, track_age) == 2 * sizeof(float));
static_assert(offsetof(TrackInfo, track_confidence) == 3 * sizeof(float));
static_assert(sizeof(Circle) % alignof(std::int64_t) == 0 && sizeof(TrackInfo) % alignof(std::int64_t) == 0);

constexpr std::size_t kMostPooled = 64;  // circles; pooling more than this does not pay off

#ifdef Py_GIL_DISABLED
constexpr bool kPools = false;  // free-threaded Python cannot tell that no other thread has a reference
#else
constexpr bool kPools = true;
#endif

// The columns of the package's Circles in their order.
constexpr std::array<const char*, 6> kCircleColumns = {"xyr",      "confidence", "tracker_id",
                                                       "velocity", "track_age",  "track_confidence"};
using CircleColumns = std::array<nb::object, kCircleColumns.size()>;

// Which columns a result has; the others are None.
using Present = std::array<bool, kCircleColumns.size()>;

Present present_in(const Circles& circles) {
  const auto count = circles.circles.size();
  const bool tracked = count > 0 || circles.tracked;
  const bool ids = circles.ids.size() == count && tracked;
  const bool tracks = circles.tracks.size() == count && tracked;
  const auto& known = circles.columns;
  return {
      true, true, ids, tracks && known.velocity, tracks && known.track_age, tracks && known.track_confidence};
}

// The memory of a result's rows.
struct Tables {
  const void* circles;
  const void* tracks;
  const void* ids;
};

// Memory for a copy of the tables. The ids come last, because they need the least alignment.
struct Room {
  std::byte* circles;
  std::byte* tracks;
  std::byte* ids;

  static constexpr std::size_t bytes(std::size_t rows) {
    return rows * (sizeof(Circle) + sizeof(TrackInfo) + sizeof(std::int64_t));
  }
  static Room at(void* memory, std::size_t rows) {
    auto* const first = static_cast<std::byte*>(memory);
    return {first, first + rows * sizeof(Circle), first + rows * (sizeof(Circle) + sizeof(TrackInfo))};
  }
  void fill(const Circles& from, const Present& present) const {
    const auto rows = from.circles.size();
    std::memcpy(circles, from.circles.data(), rows * sizeof(Circle));
    if (present[3] || present[4] || present[5])
      std::memcpy(tracks, from.tracks.data(), rows * sizeof(TrackInfo));
    if (present[2]) std::memcpy(ids, from.ids.data(), rows * sizeof(std::int64_t));
  }
};

[[gnu::noinline]] CircleColumns make_columns(const ResultMemory& memory, const Tables& tables,
                                             std::size_t rows, const Present& present) {
  static constexpr std::array<Column, kCircleColumns.size()> kLayouts = {{
      {.first = 0, .width = 3, .row_numbers = kCircleFloats},
      {.first = 3, .row_numbers = kCircleFloats},
      {.number = Column::Number::Int64},
      {.first = 0, .width = 2, .row_numbers = kTrackFloats},
      {.first = 2, .row_numbers = kTrackFloats},
      {.first = 3, .row_numbers = kTrackFloats},
  }};
  const std::array<const void*, kCircleColumns.size()> begins = {
      tables.circles, tables.circles, tables.ids, tables.tracks, tables.tracks, tables.tracks};
  CircleColumns columns;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    columns[i] = present[i] ? memory.array(kLayouts[i], begins[i], rows) : nb::none();
  }
  return columns;
}

PyTypeObject* circles_type() {
  auto* const type = reinterpret_cast<PyTypeObject*>(classes().circles);
  if (type == nullptr) throw Error("results no longer have a value: the interpreter is exiting");
  return type;
}

std::array<Py_ssize_t, kCircleColumns.size()> circle_slot_offsets() {
  return slot_offsets(circles_type(), kCircleColumns);
}

PyObject*& view_column(PyObject* circles, std::size_t column) {
  return get_slot(circles, made_once<&circle_slot_offsets>()[column]);
}

[[gnu::noinline]] nb::object make_circles(CircleColumns columns) {
  return make_slotted(circles_type(), made_once<&circle_slot_offsets>(), std::move(columns));
}

// The start of a NumPy array, PyArrayObject_fields in NumPy's C API. Programs may change it in place
// (`xyr.shape = ...`), so an array is only reused if it is unchanged. If NumPy's layout is different, which
// the first array reveals, nothing is reused.
struct ArrayHead {
  PyObject_HEAD void* data;
  int dimensions;
  Py_ssize_t* shape;
  Py_ssize_t* strides;
  PyObject* base;
  PyObject* dtype;
  int flags;
  PyObject* weak_references;
};

class MadeArray {
 public:
  /// Returns nullopt if the object is not an array on `exporter`.
  static std::optional<MadeArray> recognise(PyObject* array, const PyObject* exporter) {
    const auto& head = *reinterpret_cast<const ArrayHead*>(array);
    const nb::handle seen(array);
    if (nb::cast<std::size_t>(seen.type().attr("__basicsize__")) < sizeof(ArrayHead)) return std::nullopt;
    if (head.base != exporter || head.dimensions != nb::cast<int>(seen.attr("ndim")) ||
        reinterpret_cast<std::uintptr_t>(head.data) !=
            nb::cast<std::uintptr_t>(seen.attr("__array_interface__")["data"][0]) ||
        head.dtype != nb::object(seen.attr("dtype")).ptr() || head.weak_references != nullptr) {
      return std::nullopt;
    }
    if (head.dimensions < 1 || head.dimensions > 2 ||
        !same(seen.attr("shape"), head.shape, head.dimensions) ||
        !same(seen.attr("strides"), head.strides, head.dimensions)) {
      return std::nullopt;
    }
    return MadeArray(array, head);
  }

  [[nodiscard]] PyObject* object() const { return array_; }
  void prefetch() const {
    __builtin_prefetch(array_);
    __builtin_prefetch(
        static_cast<const void*>(&reinterpret_cast<const ArrayHead*>(array_)->weak_references));
    __builtin_prefetch(made_.shape);
  }
  /// Returns true if only its Circles refers to it, and nothing was changed.
  [[nodiscard]] bool idle() const {
    const auto& now = *reinterpret_cast<const ArrayHead*>(array_);
    return Py_REFCNT(array_) == 1 && now.weak_references == nullptr && now.data == made_.data &&
           now.dimensions == made_.dimensions && now.dtype == made_.dtype && now.flags == made_.flags &&
           now.shape == made_.shape && now.strides == made_.strides &&
           std::equal(shape_.begin(), shape_.begin() + made_.dimensions, now.shape) &&
           std::equal(strides_.begin(), strides_.begin() + made_.dimensions, now.strides);
  }

 private:
  MadeArray(PyObject* array, const ArrayHead& head) : array_(array), made_(head) {
    std::copy_n(head.shape, head.dimensions, shape_.begin());
    std::copy_n(head.strides, head.dimensions, strides_.begin());
  }
  static bool same(const nb::object& numbers, const Py_ssize_t* found, int count) {
    const auto told = nb::cast<nb::tuple>(numbers);
    for (int i = 0; i < count; ++i) {
      if (nb::cast<Py_ssize_t>(told[i]) != found[i]) return false;
    }
    return nb::len(told) == static_cast<std::size_t>(count);
  }

  PyObject* array_;  // borrowed from the Circles
  ArrayHead made_;   // to compare with
  std::array<Py_ssize_t, 2> shape_{};
  std::array<Py_ssize_t, 2> strides_{};
};

// One Circles object with its arrays and their memory.
class Pooled {
 public:
  /// Creates it with the first result. Returns false if its arrays must not be reused.
  [[gnu::noinline]] bool make(gil::Held& held, const Circles& from, const Present& present) {
    rows_ = from.circles.size();
    present_ = present;
    const ResultMemory memory(held, Room::bytes(rows_));
    room_ = Room::at(memory.room(), rows_);
    room_.fill(from, present);
    auto columns = make_columns(memory, {room_.circles, room_.tracks, room_.ids}, rows_, present);
    array_count_ = 0;
    bool known = true;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (!present[i]) continue;
      auto array = MadeArray::recognise(columns[i].ptr(), memory.exporter());
      known = known && array;
      if (array) arrays_[array_count_++].emplace(*array);
    }
    circles_ = make_circles(std::move(columns));
    exporter_ = nb::borrow(memory.exporter());
    return known;
  }

  [[nodiscard]] bool fits(const Circles& from, const Present& present) const {
    return circles_.is_valid() && rows_ == from.circles.size() && present_ == present;
  }

  // Returns true if the program holds no part of it.
  [[nodiscard]] bool idle() const {
    __builtin_prefetch(circles_.ptr());
    __builtin_prefetch(static_cast<const void*>(&view_column(circles_.ptr(), kCircleColumns.size() - 1)));
    __builtin_prefetch(exporter_.ptr());
    for (std::size_t i = 0; i < array_count_; ++i) arrays_[i]->prefetch();
    if (Py_REFCNT(circles_.ptr()) != 1) return false;
    if (Py_REFCNT(exporter_.ptr()) != static_cast<Py_ssize_t>(array_count_) + 1) return false;
    std::size_t array = 0;
    for (std::size_t i = 0; i < kCircleColumns.size(); ++i) {
      PyObject* const expected = present_[i] ? arrays_[array++]->object() : Py_None;
      if (view_column(circles_.ptr(), i) != expected) return false;
    }
    return std::all_of(arrays_.begin(), arrays_.begin() + static_cast<std::ptrdiff_t>(array_count_),
                       [](const auto& each) { return each->idle(); });
  }

  void refill(const Circles& from) const { room_.fill(from, present_); }
  [[nodiscard]] const nb::object& circles() const { return circles_; }
  void drop() {
    const nb::object circles = std::move(circles_);
    const nb::object exporter = std::move(exporter_);
  }

 private:
  nb::object circles_;
  nb::object exporter_;
  std::size_t rows_ = 0;
  Present present_{};
  Room room_{};
  std::size_t array_count_ = 0;
  std::array<std::optional<MadeArray>, kCircleColumns.size()> arrays_;
};

// Used with the GIL held. Never destroyed, since that would need the GIL.
struct Pool {
  // A program that holds one result while it asks for the next uses two entries. The others are for results
  // whose number of circles varies.
  std::array<Pooled, 4> entries;
  std::size_t next = 0;
  bool usable = true;
};

[[gnu::noinline]] nb::object new_circles(gil::Held& held, const Circles& circles, const Present& present) {
  auto& pool = forks::ProcessWide<Pool>::get();
  Pooled made;  // stored in the pool only afterwards, because creating it may let another thread run
  const bool usable = made.make(held, circles, present);
  auto result = made.circles();
  if (usable && pool.usable) {
    std::swap(pool.entries[pool.next], made);
    pool.next = (pool.next + 1) % pool.entries.size();
  }
  pool.usable = pool.usable && usable;
  return result;
}

nb::object pooled_circles(gil::Held& held, const Circles& circles, const Present& present) {
  auto& pool = forks::ProcessWide<Pool>::get();
  for (const auto& entry : pool.entries) {
    if (!entry.fits(circles, present) || !entry.idle()) continue;
    entry.refill(circles);
    return entry.circles();
  }
  return new_circles(held, circles, present);
}

[[gnu::noinline]] nb::object make_views(gil::Held& held, const ValueRef& value, const Circles& circles,
                                        const Present& present) {
  const ResultMemory memory(held, value);
  return make_circles(make_columns(memory,
                                   {circles.circles.data(), circles.tracks.data(), circles.ids.data()},
                                   circles.circles.size(), present));
}

}  // namespace

nb::object circles_to_python(gil::Held& held, const ValueRef& value, const Circles& circles) {
  const auto count = circles.circles.size();
  const auto present = present_in(circles);
  if (kPools && count > 0 && count <= kMostPooled && forks::ProcessWide<Pool>::get().usable) {
    return pooled_circles(held, circles, present);
  }
  return make_views(held, value, circles, present);
}

void forget_pooled_circles(gil::Held& held) {
  held.check();
  auto& pool = forks::ProcessWide<Pool>::get();
  pool.usable = false;
  for (auto& entry : pool.entries) entry.drop();
}

}  // namespace freshframe::python
