// Encodes values for transfer between processes.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/process/encoding.hpp"

#include "freshframe/error.hpp"
#include "freshframe/native.hpp"
#include "freshframe/vision.hpp"

#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include "bindings/border/text.hpp"
#include "bindings/results/class_names.hpp"
#include "bindings/results/data_columns.hpp"
#include "bindings/results/detections.hpp"
#include "bindings/results/pickled.hpp"
#include "bindings/results/value.hpp"

namespace nb = nanobind;

namespace freshframe::python {
namespace {

using process::EncodedValue;
using process::ProtocolError;
using process::ReceivedValue;

enum Kind : std::uint8_t { Pickle = kPickle, CircleRows, Float, DetectionRows };

template <class T>
std::span<const std::byte> view_bytes(const std::vector<T>& values) {
  static_assert(std::is_trivially_copyable_v<T>);
  return std::as_bytes(std::span(values));
}

template <class T>
std::vector<T> view_values(std::span<const std::byte> bytes) {
  if (bytes.size() % sizeof(T) != 0) throw ProtocolError("a column ends within a row");
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

// Reads flags, rows, ids and tracks, which are encoded in the same way for circles and boxes. Returns the
// rows.
template <class Row, class Parts, class Found>
std::vector<Row> take_rows(const Parts& parts, Found& found, const std::string& what) {
  const auto flag = [&](std::size_t i) { return parts[0][i] != std::byte{0}; };
  auto rows = view_values<Row>(parts[1]);
  found.tracked = flag(0);
  found.columns = {.velocity = flag(1), .track_age = flag(2), .track_confidence = flag(3)};
  found.ids = view_values<std::int64_t>(parts[2]);
  found.tracks = view_values<TrackInfo>(parts[3]);
  const auto fits = [&](std::size_t count) { return count == 0 || count == rows.size(); };
  if (!fits(found.ids.size()) || !fits(found.tracks.size())) {
    throw ProtocolError("the columns of " + what + " differ in length");
  }
  return rows;
}

EncodedValue encode_circles(const ValueRef& value, const Circles& circles) {
  const auto flags = std::make_shared<const std::vector<std::uint8_t>>(
      std::vector<std::uint8_t>{circles.tracked, circles.columns.velocity, circles.columns.track_age,
                                circles.columns.track_confidence});
  EncodedValue encoded{
      Kind::CircleRows,
      {view_bytes(*flags), view_bytes(circles.circles), view_bytes(circles.ids), view_bytes(circles.tracks)},
      {}};
  encoded.keeps = std::make_shared<const std::pair<ValueRef, decltype(flags)>>(value, flags);
  return encoded;
}

ValueRef decode_circles(const ReceivedValue& value) {
  const auto parts = value.parts();
  if (parts.size() != 4 || parts[0].size() != 4) throw ProtocolError("invalid encoding of circles");
  Circles circles;
  circles.circles = take_rows<Circle>(parts, circles, "circles");
  return ValueRef::make<Circles>(std::move(circles));
}

// Flags, boxes, ids, tracks, names and native columns, then a pickle of any other columns.
constexpr std::size_t kPlainParts = 6;
constexpr std::size_t kFlags = 5;

EncodedValue encode_detections(const ValueRef& value, const Detections& found) {
  struct Parts {
    ValueRef value;
    std::vector<std::uint8_t> flags;
    std::vector<std::byte> names;
    std::vector<std::byte> columns;
  };
  const auto kept = std::make_shared<Parts>();
  const auto& known = found.columns;
  kept->value = value;
  kept->flags = {found.tracked, known.velocity, known.track_age, known.track_confidence,
                 found.names != nullptr};
  kept->names = names_to_bytes(found.names);
  kept->columns = columns_to_bytes(found.data);
  return {Kind::DetectionRows,
          {view_bytes(kept->flags), view_bytes(found.boxes), view_bytes(found.ids), view_bytes(found.tracks),
           std::span(std::as_const(kept->names)), std::span(std::as_const(kept->columns))},
          kept};
}

ValueRef decode_detections(ReceivedValue value, const Producer& producer) {
  const auto parts = value.parts();
  if (parts.size() < kPlainParts || parts[0].size() != kFlags) {
    throw ProtocolError("invalid encoding of detections");
  }
  Detections found;
  found.boxes = take_rows<Detection>(parts, found, "detections");
  if (parts[0][4] != std::byte{0}) found.names = names_from_bytes(parts[4]);
  found.data = columns_from_bytes(parts[5], found.boxes.size());
  if (parts.size() > kPlainParts) {
    auto further = std::make_shared<PythonColumns>();
    further->data = std::make_shared<PickledBytes>(std::move(value), producer, kPlainParts);
    further->has_data = true;
    found.further = std::move(further);
  }
  return ValueRef::make<Detections>(std::move(found));
}

EncodedValue encode_float(double number) {
  const auto kept = std::make_shared<const double>(number);
  return {Kind::Float, {std::as_bytes(std::span(kept.get(), 1))}, kept};
}

}  // namespace

bool needs_python(const ValueRef& value) noexcept {
  if (const auto* found = value.as<Detections>()) {
    const auto* const python = dynamic_cast<const PythonColumns*>(found->further.get());
    return python != nullptr && python->has_data;
  }
  return value.as<PythonObject>() != nullptr || value.as<LineCounts>() != nullptr ||
         value.as<Zones>() != nullptr || native::table_in(value) != nullptr;
}

EncodedValue encode_native(const ValueRef& value) {
  if (const auto* pickled = value.as<Pickled>()) {
    return {Kind::Pickle, pickled->body->bytes().parts(), pickled->body};
  }
  if (const auto* circles = value.as<Circles>()) return encode_circles(value, *circles);
  if (const auto* found = value.as<Detections>()) return encode_detections(value, *found);
  if (const auto* number = value.as<double>()) return encode_float(*number);
  throw OptionTypeError("a value of type " + std::string(value.get()->type()->name) +
                        " cannot be sent to another process");
}

EncodedValue encode_pickle(gil::Held& held, nb::handle parts) {
  EncodedValue encoded{Kind::Pickle, {}, std::make_shared<const gil::Ref>(held, parts.ptr())};
  for (const nb::handle part : nb::cast<nb::tuple>(parts)) {
    if (PyBytes_Check(part.ptr())) {
      encoded.parts.push_back(std::as_bytes(
          std::span(PyBytes_AsString(part.ptr()), static_cast<std::size_t>(PyBytes_Size(part.ptr())))));
    } else {  // a memoryview, which keeps the bytes where they are
      Py_buffer buffer{};
      if (PyObject_GetBuffer(part.ptr(), &buffer, PyBUF_SIMPLE) != 0) throw nb::python_error();
      encoded.parts.push_back(
          {static_cast<const std::byte*>(buffer.buf), static_cast<std::size_t>(buffer.len)});
      PyBuffer_Release(&buffer);
    }
  }
  return encoded;
}

EncodedValue encode_python(gil::Held& held, const ValueRef& value, std::uint64_t knows, Receiver receiver) {
  const nb::object object = to_python(held, value);
  const auto dumps = [&](const nb::object& what) {
    return pickling("dumps")(what, knows, nb::arg("names") = receiver == Receiver::Fleet);
  };
  if (const auto* found = value.as<Detections>()) {
    const nb::dict others;
    for (const nb::handle item : object.attr("data").attr("items")()) {
      std::string name;
      if (!nb::try_cast(item[0], name, false) || find_column(found->data, name) == nullptr)
        others[item[0]] = item[1];
    }
    auto data = encode_pickle(held, dumps(others));
    auto encoded = encode_detections(value, *found);
    encoded.parts.insert(encoded.parts.end(), data.parts.begin(), data.parts.end());
    encoded.keeps =
        std::make_shared<const std::pair<std::shared_ptr<const void>, std::shared_ptr<const void>>>(
            std::move(encoded.keeps), std::move(data.keeps));
    return encoded;
  }
  if (PyFloat_CheckExact(object.ptr())) return encode_float(PyFloat_AsDouble(object.ptr()));
  return encode_pickle(held, dumps(object));
}

ValueRef decode(ReceivedValue value, const Producer& producer) {
  switch (value.kind()) {
    case Kind::Pickle:
      if (value.parts().empty()) throw ProtocolError("a pickle is empty");
      return ValueRef::make<Pickled>({std::make_shared<PickledBytes>(std::move(value), producer)});
    case Kind::CircleRows:
      return decode_circles(value);
    case Kind::DetectionRows:
      return decode_detections(std::move(value), producer);
    case Kind::Float: {
      double number = 0;
      if (value.bytes().size() != sizeof number)
        throw ProtocolError("a number must have 8 bytes, got " + std::to_string(value.bytes().size()));
      std::memcpy(&number, value.bytes().data(), sizeof number);
      return ValueRef::make<double>(number);
    }
    default:
      throw ProtocolError("unknown value kind " + std::to_string(value.kind()));
  }
}

nb::object make_exception(gil::Held& /*held*/, const ReceivedValue& error, const std::string& text,
                          const std::string& traceback) {
  return pickling("exception")(parts_list(error), text, traceback);
}

}  // namespace freshframe::python
