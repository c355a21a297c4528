// Results of cameras as bytes: the kind of value, the sizes of its parts, the parts.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include "bindings/fleet/results.hpp"

#include <cstdint>
#include <exception>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bindings/border/errors.hpp"
#include "bindings/process/encoding.hpp"
#include "bindings/results/pickled.hpp"
#include "bindings/results/value.hpp"
#include "process/wire/bytes.hpp"
#include "process/wire/value.hpp"

#include <nanobind/stl/string.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

struct Encoding {
  const ValueRef* value;
  std::vector<std::byte> bytes = {};
  std::exception_ptr raised = nullptr;
};

}  // namespace
}  // namespace freshframe::python

namespace freshframe::gil {

// The value is touched with the GIL only.
template <>
inline constexpr bool python_free<python::Encoding> = true;

}  // namespace freshframe::gil

namespace freshframe::python {
namespace {

std::vector<std::byte> packed(const process::EncodedValue& value) {
  process::ByteWriter writer;
  writer.reserve(sizeof value.kind + sizeof(std::uint32_t) + value.parts.size() * sizeof(std::uint64_t) +
                 value.size());
  writer.put(value.kind);
  writer.put(static_cast<std::uint32_t>(value.parts.size()));
  for (const auto& part : value.parts) writer.put(static_cast<std::uint64_t>(part.size()));
  for (const auto& part : value.parts) writer.put_bytes(part);
  return writer.take();
}

void encode_with_gil(gil::Released& released, Encoding* encoding) {
  gil::acquire(released, [&](gil::Held& held) {
    try {
      encoding->bytes = packed(encode_python(held, *encoding->value, 0, Receiver::Fleet));
    } catch (nb::python_error& error) {
      error.restore();
      encoding->raised = take_python_error(held).error;
    }
  });
}

// The object's bytes, which it neither frees nor moves meanwhile.
class ByteView {
 public:
  explicit ByteView(nb::handle object) {
    if (PyObject_GetBuffer(object.ptr(), &buffer_, PyBUF_SIMPLE) != 0) throw nb::python_error();
  }
  ByteView(const ByteView&) = delete;
  ByteView& operator=(const ByteView&) = delete;
  ~ByteView() { PyBuffer_Release(&buffer_); }

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    return {static_cast<const std::byte*>(buffer_.buf), static_cast<std::size_t>(buffer_.len)};
  }

 private:
  Py_buffer buffer_{};
};

// The pickle is a part of `data`. The buffers are copies, to which arrays may write.
nb::object unpickled(nb::handle data, process::ByteReader& reader, const std::vector<std::uint64_t>& sizes,
                     const std::string& producer) {
  nb::list parts;
  for (const auto size : sizes) {
    const auto begin = static_cast<Py_ssize_t>(nb::len(data) - reader.left());
    const auto bytes = reader.take(static_cast<std::size_t>(size));
    const auto length = static_cast<Py_ssize_t>(bytes.size());
    const auto* const first = reinterpret_cast<const char*>(bytes.data());
    const bool is_pickle = nb::len(parts) == 0;
    const nb::object part = nb::steal(is_pickle ? PySequence_GetSlice(data.ptr(), begin, begin + length)
                                                : PyByteArray_FromStringAndSize(first, length));
    if (!part.is_valid()) throw nb::python_error();
    parts.append(part);
  }
  return pickling("opened")(parts, producer);
}

nb::object fleet_value(gil::Held& held, nb::handle data, const std::string& producer) {
  const ByteView view(data);
  process::ByteReader reader(view.bytes());
  process::ValueMessage message;
  message.kind = reader.get<std::uint8_t>();
  const auto count = reader.get_up_to<std::uint32_t>(process::kMostParts, "the number of a result's parts");
  for (std::uint32_t i = 0; i < count; ++i) message.parts.push_back(reader.get<std::uint64_t>());
  if (message.kind == kPickle) return unpickled(data, reader, message.parts, producer);
  message.bytes = reader.take(static_cast<std::size_t>(message.size()));
  return to_python(held, decode(process::ReceivedValue(message, message.size()), {producer}));
}

}  // namespace

std::vector<std::byte> result_bytes(const ValueRef& value) {
  if (!needs_python(value)) return packed(encode_native(value));
  Encoding encoding{&value};
  gil::native_thread(&encode_with_gil, &encoding);
  if (encoding.raised) std::rethrow_exception(encoding.raised);
  return std::move(encoding.bytes);
}

void bind_fleet_results(nb::module_& module) {
  module.def("fleet_value", gil::entry<&fleet_value>, nb::arg("data"), nb::arg("producer"),
             nb::sig("def fleet_value(data: memoryview, producer: str) -> typing.Any"),
             "The value of a camera's result. Raises FreshframeError if it cannot be unpickled here.");
}

}  // namespace freshframe::python
