// Unpickles each value only once.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/results/pickled.hpp"

#include <cstddef>
#include <mutex>
#include <span>

#include "bindings/border/text.hpp"

namespace nb = nanobind;

namespace freshframe::python {

nb::list parts_list(const process::ReceivedValue& value, std::size_t first_part) {
  nb::list list;
  const auto parts = value.parts();
  for (const auto& part : std::span(parts).subspan(first_part)) {
    const auto* const data = reinterpret_cast<const char*>(part.data());
    const auto size = static_cast<Py_ssize_t>(part.size());
    const bool first = nb::len(list) == 0;
    nb::object copy =
        nb::steal(first ? PyBytes_FromStringAndSize(data, size) : PyByteArray_FromStringAndSize(data, size));
    if (!copy.is_valid()) throw nb::python_error();
    list.append(copy);
  }
  return list;
}

nb::object pickling(const char* function) {
  return nb::module_::import_("freshframe._process.pickling").attr(function);
}

nb::object PickledBytes::open(gil::Held& held) {
  {
    const std::lock_guard lock(mutex_);
    if (PyObject* known = object_.get(held)) return nb::borrow(known);
  }
  const nb::object made = pickling("opened")(parts_list(bytes_, first_part_), producer_.name);
  // Another thread may have unpickled it in the meantime. All callers get the first object.
  const std::lock_guard lock(mutex_);
  if (!object_) object_ = gil::Ref(held, made.ptr());
  return nb::borrow(object_.get(held));
}

}  // namespace freshframe::python
