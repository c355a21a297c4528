// Columns as NumPy arrays and back.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/results/tables.hpp"

#include "freshframe/error.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "bindings/results/counts.hpp"
#include "bindings/results/detections.hpp"

#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

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

nb::object array_of(const Column& column, nb::handle owner) {
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

// An array of any object, as a column; C-contiguous, so that only the shape is left to say.
Column column_of(const std::string& name, nb::handle array) {
  Column column;
  column.name = name;
  column.type = &native::dtype(nb::cast<std::string>(array.attr("dtype").attr("name")));
  const auto shape = nb::cast<nb::tuple>(array.attr("shape"));
  if (shape.size() > column.shape.size())
    throw OptionError("an array for a native node has at most 4 dimensions");
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
    columns_.push_back(column_of(name, array));
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
  if (value.as<native::Array>() != nullptr) return array_of(table.columns.front(), owner);
  nb::dict columns;
  for (const auto& column : table.columns) columns[column.name.c_str()] = array_of(column, owner);
  return columns;
}

ValueRef wanted_from_python(gil::Held& held, nb::handle object, const TypeInfo* wanted) {
  if (wanted == type_of<double>()) {
    double number = 0;
    return nb::try_cast(object, number) ? ValueRef::make<double>(number) : ValueRef();
  }
  if (wanted == type_of<Detections>()) {  // objects of exactly that type were converted before
    const auto boxes = is_detections(object, false) ? nb::borrow(object) : detections_of_supervision(object);
    return boxes.is_valid() ? ValueRef::make<Detections>(detections_from_python(held, boxes)) : ValueRef();
  }
  if (wanted == type_of<LineCounts>() || wanted == type_of<ZoneCounts>() ||
      wanted == type_of<ZonesCounts>()) {
    return counts_from_python(held, object);
  }
  TableColumns columns(object);
  if (wanted == type_of<native::Array>() && is_array(object)) {
    columns.add("", object);
    return ValueRef::make<native::Array>({std::move(columns).table(held)});
  }
  if (wanted == type_of<Table>() && is_mapping(object)) {
    for (const nb::handle item : object.attr("items")()) columns.add(nb::cast<std::string>(item[0]), item[1]);
    return ValueRef::make<Table>(std::move(columns).table(held));
  }
  return {};
}

}  // namespace freshframe::python
