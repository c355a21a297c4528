// Conversions of values.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/results/value.hpp"

#include "freshframe/error.hpp"
#include "freshframe/native.hpp"
#include "freshframe/packet.hpp"
#include "freshframe/vision.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "bindings/border/classes.hpp"
#include "bindings/border/fork_guard.hpp"
#include "bindings/border/text.hpp"
#include "bindings/frame/arrays.hpp"
#include "bindings/results/circles.hpp"
#include "bindings/results/counts.hpp"
#include "bindings/results/detections.hpp"
#include "bindings/results/pickled.hpp"
#include "core/frame/frame_access.hpp"

#include <nanobind/ndarray.h>

namespace freshframe::python {

/// Returns a dict of read-only arrays, or one array, or the object itself if a Python node returned it. The
/// arrays are views of the value's memory.
[[nodiscard]] nanobind::object table_to_python(gil::Held& held, const ValueRef& value,
                                               const native::Table& table);
/// Converts a Python node's result to the type that a child takes: a number, an array, a mapping of arrays or
/// Detections. Returns an empty value if `wanted` is another type, or the object is not of that kind.
[[nodiscard]] ValueRef wanted_from_python(gil::Held& held, nanobind::handle object, const TypeInfo* wanted);

}  // namespace freshframe::python

namespace nb = nanobind;

namespace freshframe::python {

namespace {

using native::Column;
using native::Table;

nb::dlpack::dtype dlpack_type(const native::Dtype& type) {
  using Code = nb::dlpack::dtype_code;
  const auto code = type.name == "bool"   ? Code::Bool
                    : type.name[0] == 'f' ? Code::Float
                    : type.name[0] == 'u' ? Code::UInt
                                          : Code::Int;
  return {static_cast<std::uint8_t>(code), static_cast<std::uint8_t>(type.size_bytes * 8), 1};
}

nb::object make_array(const Column& column, nb::handle owner) {
  static const std::array<std::int64_t, 1> nothing{};
  std::array<std::size_t, 4> shape{};
  std::array<std::int64_t, 4> strides{};  // elements
  const auto dimensions = static_cast<std::size_t>(column.dimensions);
  for (std::size_t i = 0; i < dimensions; ++i) {
    shape[i] = static_cast<std::size_t>(column.shape[i]);
    strides[i] = column.strides[i] / column.type->size_bytes;
  }
  const void* const data = column.data != nullptr ? column.data : nothing.data();
  return nb::cast(nb::ndarray<nb::numpy, nb::ro>(data, dimensions, shape.data(), owner, strides.data(),
                                                 dlpack_type(*column.type)));
}

// Makes a C-contiguous array of any object, and describes it as a column except for its shape.
Column read_column(const std::string& name, nb::handle array) {
  Column column;
  column.name = name;
  column.type = &native::dtype(nb::cast<std::string>(array.attr("dtype").attr("name")));
  const auto shape = nb::cast<nb::tuple>(array.attr("shape"));
  if (shape.size() > column.shape.size())
    throw OptionError("an array for a native node can have at most 4 dimensions, got one of shape " +
                      std::string(nb::str(shape).c_str()));
  column.dimensions = static_cast<int>(shape.size());
  std::int64_t stride = column.type->size_bytes;
  for (auto i = shape.size(); i-- > 0;) {
    column.shape[i] = nb::cast<std::int64_t>(shape[i]);
    column.strides[i] = stride;
    stride *= column.shape[i];
  }
  // NOLINTNEXTLINE(performance-no-int-to-ptr): NumPy has it so
  column.data = reinterpret_cast<const void*>(nb::cast<std::uintptr_t>(array.attr("ctypes").attr("data")));
  column.bytes = static_cast<std::uint64_t>(stride);
  return column;
}

// Collects columns, and the arrays that own their memory.
class TableColumns {
 public:
  explicit TableColumns(nb::handle object) { kept_.append(object); }

  void add(const std::string& name, nb::handle object) {
    const nb::module_ numpy = nb::module_::import_("numpy");
    const nb::object given = numpy.attr("asarray")(object);
    // In the machine's byte order, contiguous and aligned; copied only if it is not.
    const nb::object array =
        numpy.attr("require")(given, given.attr("dtype").attr("newbyteorder")("="), nb::make_tuple("C", "A"));
    columns_.push_back(read_column(name, array));
    kept_.append(array);
  }

  [[nodiscard]] Table table(gil::Held& held) && {
    return {std::move(columns_), std::make_shared<const gil::Ref>(held, kept_.ptr()), true};
  }

 private:
  nb::list kept_;  // the object that the node gave, then the arrays
  std::vector<Column> columns_;
};

bool is_array(nb::handle object) {
  return nb::isinstance(object, nb::module_::import_("numpy").attr("ndarray"));
}

bool is_mapping(nb::handle object) {
  return nb::isinstance(object, nb::module_::import_("collections.abc").attr("Mapping"));
}

}  // namespace

nb::object table_to_python(gil::Held& held, const ValueRef& value, const Table& table) {
  if (table.of_python) {
    const auto& kept = *static_cast<const gil::Ref*>(table.owner.get());
    return nb::borrow<nb::list>(kept.get(held))[0];
  }
  const nb::capsule owner(new ValueRef(value),
                          [](void* pointer) noexcept { delete static_cast<ValueRef*>(pointer); });
  if (value.as<native::Array>() != nullptr) return make_array(table.columns.front(), owner);
  nb::dict columns;
  for (const auto& column : table.columns) columns[column.name.c_str()] = make_array(column, owner);
  return columns;
}

ValueRef wanted_from_python(gil::Held& held, nb::handle object, const TypeInfo* wanted) {
  if (wanted == get_type<double>()) {
    double number = 0;
    return nb::try_cast(object, number) ? ValueRef::make<double>(number) : ValueRef();
  }
  if (wanted == get_type<Detections>()) {  // objects of exactly that type were converted before
    const auto boxes = is_detections(object, false) ? nb::borrow(object) : read_supervision(object);
    return boxes.is_valid() ? ValueRef::make<Detections>(detections_from_python(held, boxes)) : ValueRef();
  }
  if (wanted == get_type<LineCounts>() || wanted == get_type<Zones>())
    return counts_from_python(held, object, &from_python);
  TableColumns columns(object);
  if (wanted == get_type<native::Array>() && is_array(object)) {
    columns.add("", object);
    return ValueRef::make<native::Array>({std::move(columns).table(held)});
  }
  if (wanted == get_type<Table>() && is_mapping(object)) {
    for (const nb::handle item : object.attr("items")()) columns.add(nb::cast<std::string>(item[0]), item[1]);
    return ValueRef::make<Table>(std::move(columns).table(held));
  }
  return {};
}

}  // namespace freshframe::python

namespace nb = nanobind;

namespace freshframe::python {

namespace {

[[noreturn]] void refuse_circles(const char* column, const char* wanted) {
  throw OptionError(std::string("Circles.") + column + " must be " + wanted);
}

// A column of a Python Circles as an array.
template <class Array>
bool take_column(nb::handle circles, const char* name, Array& array) {
  return nb::try_cast(with_strides(circles.attr(name)), array);
}

// Copies velocity, track_age and track_confidence, each of which may be None.
void take_tracks(nb::handle object, std::size_t count, Circles& result) {
  using Pairs = nb::ndarray<const float, nb::shape<-1, 2>, nb::device::cpu>;
  using Numbers = nb::ndarray<const float, nb::shape<-1>, nb::device::cpu>;
  auto& known = result.columns;
  known = {.velocity = !object.attr("velocity").is_none(),
           .track_age = !object.attr("track_age").is_none(),
           .track_confidence = !object.attr("track_confidence").is_none()};
  if (!known.velocity && !known.track_age && !known.track_confidence) return;
  Pairs velocity;
  Numbers track_age;
  Numbers track_confidence;
  if (known.velocity && (!take_column(object, "velocity", velocity) || velocity.shape(0) != count))
    refuse_circles("velocity", "None or a float32 array of shape (n, 2)");
  if (known.track_age && (!take_column(object, "track_age", track_age) || track_age.shape(0) != count))
    refuse_circles("track_age", "None or a float32 array of shape (n,)");
  if (known.track_confidence &&
      (!take_column(object, "track_confidence", track_confidence) || track_confidence.shape(0) != count))
    refuse_circles("track_confidence", "None or a float32 array of shape (n,)");
  result.tracks.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    auto& track = result.tracks[i];
    if (known.velocity) track.velocity_x = velocity(i, 0);
    if (known.velocity) track.velocity_y = velocity(i, 1);
    if (known.track_age) track.track_age = track_age(i);
    if (known.track_confidence) track.track_confidence = track_confidence(i);
  }
}

Circles circles_from_python(nb::handle object) {
  using Xyr = nb::ndarray<const float, nb::shape<-1, 3>, nb::c_contig, nb::device::cpu>;
  using Confidence = nb::ndarray<const float, nb::shape<-1>, nb::c_contig, nb::device::cpu>;
  using TrackerId = nb::ndarray<const std::int64_t, nb::shape<-1>, nb::c_contig, nb::device::cpu>;
  Xyr xyr;
  Confidence confidence;
  if (!take_column(object, "xyr", xyr)) refuse_circles("xyr", "an array of shape (n, 3)");
  const auto count = xyr.shape(0);
  if (!take_column(object, "confidence", confidence) || confidence.shape(0) != count) {
    refuse_circles("confidence", "an array of shape (n,), one for each row of xyr");
  }
  Circles result;
  result.circles.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    result.circles.push_back({xyr(i, 0), xyr(i, 1), xyr(i, 2), confidence(i)});
  }
  take_tracks(object, count, result);
  if (object.attr("tracker_id").is_none()) return result;
  TrackerId tracker_id;
  if (!take_column(object, "tracker_id", tracker_id) || tracker_id.shape(0) != count) {
    refuse_circles("tracker_id", "None or an int64 array of shape (n,)");
  }
  result.tracked = true;
  result.ids.assign(tracker_id.data(), tracker_id.data() + count);
  return result;
}

}  // namespace

nb::object to_python(gil::Held& held, const ValueRef& value) {
  if (const auto* object = value.as<PythonObject>()) return nb::borrow(object->object.get(held));
  if (const auto* circles = value.as<Circles>()) return circles_to_python(held, value, *circles);
  if (const auto* boxes = value.as<Detections>()) return detections_to_python(held, value, *boxes);
  if (const auto* line = value.as<LineCounts>()) return counts_to_python(held, *line);
  if (const auto* zones = value.as<Zones>()) return counts_to_python(held, *zones);
  if (const auto* number = value.as<double>()) return nb::cast(*number);
  if (const auto* packet = value.as<Packet>()) return nb::cast(*packet);
  if (const auto* pickled = value.as<Pickled>()) return pickled->body->open(held);
  if (const auto* table = native::table_in(value)) return table_to_python(held, value, *table);
  throw Error("a value of type " + std::string(value.get()->type()->name) +
              " cannot be converted to a Python object");
}

Emitted from_python(gil::Held& held, nb::handle object, std::span<const TypeInfo* const> wanted) {
  if (Frame frame; nb::try_cast(object, frame, false)) {
    return {{}, core::FrameAccess::engine(check_process(frame))};
  }
  if (Py_TYPE(object.ptr()) == reinterpret_cast<PyTypeObject*>(classes().circles)) {
    return {ValueRef::make<Circles>(circles_from_python(object)), {}};
  }
  if (is_detections(object, true)) {
    return {ValueRef::make<Detections>(detections_from_python(held, object)), {}};
  }
  for (const auto* type : wanted) {
    if (auto value = wanted_from_python(held, object, type)) return {std::move(value), {}};
  }
  return {ValueRef::make<PythonObject>(PythonObject{gil::Ref(held, object.ptr())}), {}};
}

const TypeInfo* find_type(const std::string& kind) {
  if (kind == "Frame") return get_type<Frame>();
  if (kind == "Circles") return get_type<Circles>();
  if (kind == "nothing") return get_type<Nothing>();
  return nullptr;
}

}  // namespace freshframe::python
