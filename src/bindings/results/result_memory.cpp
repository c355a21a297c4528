// Exports the memory of results as buffers, and calls numpy.ndarray.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/results/result_memory.hpp"

#include "freshframe/error.hpp"

#include <array>
#include <cstdint>
#include <new>
#include <utility>

#include "bindings/border/made_once.hpp"

namespace nb = nanobind;

namespace freshframe::python {
namespace {

// Keeps a native result alive, or has memory for a copy of it after the struct. Exports `table` as a buffer
// while array() creates the array of that table. NumPy requests the buffer immediately, and then keeps this
// object alive.
struct Exporter {
  PyObject_VAR_HEAD ValueRef value;
  const void* table;
  Py_ssize_t bytes;
};
static_assert(sizeof(Exporter) % alignof(std::int64_t) == 0, "the room behind it is aligned");

Exporter& get_exporter(PyObject* object) {
  return *reinterpret_cast<Exporter*>(object);
}

int export_buffer(PyObject* self, Py_buffer* view, int flags) {
  const auto& exporter = get_exporter(self);
  return PyBuffer_FillInfo(view, self, const_cast<void*>(exporter.table), exporter.bytes, 1, flags);
}

void free_exporter(PyObject* self) {
  PyTypeObject* const type = Py_TYPE(self);
  get_exporter(self).value.~ValueRef();
  PyObject_Free(self);
  Py_DECREF(type);
}

PyTypeObject* make_exporter_type() {
  static PyType_Slot slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(&free_exporter)},
                                {Py_bf_getbuffer, reinterpret_cast<void*>(&export_buffer)},
                                {0, nullptr}};
  static PyType_Spec spec = {"freshframe._native._ResultMemory", sizeof(Exporter), 1,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  PyObject* const type = PyType_FromSpec(&spec);
  if (type == nullptr) throw nb::python_error();
  return reinterpret_cast<PyTypeObject*>(type);
}

// Never released.
struct NumPyTypes {
  PyObject* ndarray;
  std::array<PyObject*, 5> dtypes;  // by Column::Number

  static NumPyTypes find() {
    const auto module = nb::module_::import_("numpy");
    const auto dtype = [&](const char* name) {
      return nb::object(module.attr("dtype")(name)).release().ptr();
    };
    return {nb::object(module.attr("ndarray")).release().ptr(),
            {dtype("float32"), dtype("int64"), dtype("int32"), dtype("float64"), dtype("bool")}};
  }
};

Py_ssize_t count_bytes(Column::Number number) {
  switch (number) {
    case Column::Number::Int64:
    case Column::Number::Float64:
      return sizeof(std::int64_t);
    case Column::Number::Bool:
      return 1;
    default:
      return sizeof(float);
  }
}

nb::object make_tuple(Py_ssize_t first, Py_ssize_t second, bool both) {
  const auto tuple = nb::steal(PyTuple_New(both ? 2 : 1));
  if (!tuple.is_valid()) throw nb::python_error();
  PyTuple_SetItem(tuple.ptr(), 0, PyLong_FromSsize_t(first));
  if (both) PyTuple_SetItem(tuple.ptr(), 1, PyLong_FromSsize_t(second));
  return tuple;
}

}  // namespace

Py_ssize_t slot_offset(nb::handle instance, const char* name) {
  const nb::object mark = nb::list();
  const nb::str text(name);
  // Bypasses the class's own __setattr__, because the dataclass is frozen.
  if (PyObject_GenericSetAttr(instance.ptr(), text.ptr(), mark.ptr()) != 0) throw nb::python_error();
  constexpr Py_ssize_t kStep = sizeof(PyObject*);
  const auto bytes = nb::cast<Py_ssize_t>(instance.type().attr("__basicsize__"));
  for (Py_ssize_t offset = sizeof(PyObject); offset + kStep <= bytes; offset += kStep) {
    if (get_slot(instance.ptr(), offset) == mark.ptr()) return offset;
  }
  throw Error(get_type_name(instance) + " must be a class with slots, and '" + name + "' one of them");
}

ResultMemory::ResultMemory(gil::Held& held, ValueRef value) : ResultMemory(held, 0) {
  get_exporter(exporter_.ptr()).value = std::move(value);
}

ResultMemory::ResultMemory(gil::Held& held, std::size_t bytes) {
  held.check();
  auto* const type = made_once<&make_exporter_type>();
  exporter_ = nb::steal(PyType_GenericAlloc(type, static_cast<Py_ssize_t>(bytes)));
  if (!exporter_.is_valid()) throw nb::python_error();
  new (&get_exporter(exporter_.ptr()).value) ValueRef;
}

void* ResultMemory::room() const noexcept {
  return &get_exporter(exporter_.ptr()) + 1;
}

nb::object ResultMemory::array(const Column& column, const void* table, std::size_t rows) const {
  static const std::int64_t nothing = 0;
  const auto& numpy = made_once<&NumPyTypes::find>();
  const auto size = count_bytes(column.number);
  const auto count = static_cast<Py_ssize_t>(rows);
  auto& exporter = get_exporter(exporter_.ptr());
  exporter.table = rows > 0 ? table : &nothing;
  exporter.bytes = count * column.row_numbers * size;
  const bool matrix = column.width > 0;
  const auto shape = make_tuple(count, column.width, matrix);
  const auto strides = make_tuple(column.row_numbers * size, size, matrix);
  const auto offset = nb::steal(PyLong_FromSsize_t(rows > 0 ? column.first * size : 0));
  PyObject* arguments[] = {shape.ptr(), numpy.dtypes[static_cast<std::size_t>(column.number)],
                           exporter_.ptr(), offset.ptr(), strides.ptr()};
  auto result = nb::steal(PyObject_Vectorcall(numpy.ndarray, arguments, 5, nullptr));
  if (!result.is_valid()) throw nb::python_error();
  return result;
}

}  // namespace freshframe::python
