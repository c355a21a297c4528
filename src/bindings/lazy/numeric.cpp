// The module freshframe._numeric: sums of objects with the buffer protocol, without a copy.
// SPDX-License-Identifier: Apache-2.0
//
// Note [What protects the memory]
// The memory is acquired with PyObject_GetBuffer and released after the sum, with the GIL held. That keeps
// the object alive, even if other threads delete or rebind names, and an object that counts its exports
// (bytearray, array.array, mmap) refuses to change its size meanwhile. A NumPy array does not count them, but
// its resize() refuses while another reference exists, and the buffer holds one. Only resize(refcheck=False)
// skips that check. An nb::ndarray would hold the same reference, but not the export.
#include "freshframe/gil.hpp"

#include "freshframe/numeric.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "bindings/border/text.hpp"
#include "refusal.hpp"

#include <nanobind/nanobind.h>

namespace nb = nanobind;

namespace freshframe {
namespace {

using namespace nb::literals;
using python::describe_object;
using python::refuse_type;
using python::refuse_value;

// Bytes of contiguous numbers that a sum reads in about a millisecond. A sum of more releases the GIL. A
// shorter one does not, because next to a busy thread it would wait 5 ms to get it back. A number that is not
// contiguous counts as 16 bytes.
constexpr std::int64_t kWorthReleasing = 16 << 20;
constexpr std::int64_t kBytesPerScattered = 16;

constexpr long kMostThreads = 1024;

constexpr const char* kAccepted =
    "an array or buffer of float64, float32, bool, or signed or unsigned integers of 8 to 64 bits, in native "
    "byte order";

std::string class_name(nb::handle object) {
  return nb::cast<std::string>(nb::str(nb::type_name(object.type())));
}

// NumPy's own classes, which are never unloaded. Looked up when the module is loaded: an import may release
// the GIL, and the initialisation of a static variable holds a lock.
struct NumPy {
  nb::handle array = nb::module_::import_("numpy").attr("ndarray").ptr();
  nb::handle generic = nb::module_::import_("numpy").attr("generic").ptr();

  static const NumPy& instance() {
    static const NumPy numpy;
    return numpy;
  }
};

bool is_scalar(nb::handle object) {
  return nb::isinstance(object, NumPy::instance().generic);
}

// The type of the argument as the caller knows it.
std::string describe(nb::handle object) {
  if (nb::hasattr(object, "dtype") && nb::hasattr(object, "strides") && !is_scalar(object)) {
    const nb::object dtype = object.attr("dtype");
    return class_name(object) + " of " + nb::cast<std::string>(nb::str(dtype));
  }
  return class_name(object);
}

[[noreturn]] void refuse(const char* function, nb::handle object, const std::string& why = {}) {
  refuse_type(std::string("numeric.") + function + " takes " + kAccepted + ", got " + describe(object) + why);
}

// Rejects NumPy's scalars, and subclasses of its arrays, whose values may not be what their memory contains,
// such as masked arrays.
void check_class(const char* function, nb::handle object) {
  const NumPy& numpy = NumPy::instance();
  if (object.type().is(numpy.array)) return;
  if (is_scalar(object)) refuse(function, object, ", a single number");
  if (!nb::isinstance(object, numpy.array)) return;
  const nb::object module = nb::module_::import_("numpy");
  if (object.type().is(module.attr("matrix")) || object.type().is(module.attr("memmap"))) return;
  if (nb::hasattr(object, "mask") && nb::hasattr(object, "filled")) {
    refuse(function, object, ", whose mask would be ignored; pass x.compressed() or x.filled(value)");
  }
  refuse(function, object,
         ", a subclass that may mean something else by its numbers; pass numpy.asarray(x) if it does not");
}

int thread_count(nb::handle threads) {
  bool whole = PyIndex_Check(threads.ptr()) != 0 && !PyBool_Check(threads.ptr());
  // clamped if it does not fit
  const Py_ssize_t count = whole ? PyNumber_AsSsize_t(threads.ptr(), nullptr) : 0;
  if (count == -1 && PyErr_Occurred() != nullptr) {
    if (PyErr_ExceptionMatches(PyExc_TypeError) == 0) throw nb::python_error();  // raised by its __index__
    PyErr_Clear();  // an array of several numbers has an __index__, but it raises TypeError
    whole = false;
  }
  if (!whole) {
    refuse_type("threads must be a whole number, got " + class_name(threads));
  }
  if (count < 1 || count > kMostThreads) {
    refuse_value("threads must be 1 to " + std::to_string(kMostThreads) + ", got " +
                 describe_object(threads));
  }
  return static_cast<int>(count);
}

class Buffer {
 public:
  Buffer(const char* function, nb::handle object) {
    check_class(function, object);
    if (PyObject_GetBuffer(object.ptr(), &buffer_, PyBUF_STRIDES | PyBUF_FORMAT) != 0) {
      // Only errors about the object's type are replaced: a memoryview may have been released, or memory may
      // be short.
      const bool no_such_kind = PyErr_ExceptionMatches(PyExc_TypeError) != 0 ||
                                PyErr_ExceptionMatches(PyExc_BufferError) != 0 ||
                                PyErr_ExceptionMatches(PyExc_ValueError) != 0;
      if (!no_such_kind || PyMemoryView_Check(object.ptr())) throw nb::python_error();
      PyErr_Clear();
      refuse(function, object);
    }
    const auto type = read_type(buffer_);
    if (!type || buffer_.ndim > static_cast<int>(numeric::kMaxAxes)) {
      PyBuffer_Release(&buffer_);
      refuse(function, object);
    }
    type_ = *type;
    const auto axes = static_cast<std::size_t>(buffer_.ndim);
    if (buffer_.strides != nullptr) {
      std::copy_n(buffer_.strides, axes, strides_.begin());
    } else {  // for example ctypes, which never gives strides
      PyBuffer_FillContiguousStrides(buffer_.ndim, buffer_.shape, strides_.data(),
                                     static_cast<int>(buffer_.itemsize), 'C');
    }
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { PyBuffer_Release(&buffer_); }

  [[nodiscard]] numeric::View view() const {
    const auto axes = static_cast<std::size_t>(buffer_.ndim);
    return {static_cast<const std::byte*>(buffer_.buf), type_,
            std::span<const std::ptrdiff_t>(buffer_.shape, axes),
            std::span<const std::ptrdiff_t>(strides_.data(), axes)};
  }

 private:
  // The struct module's letters; sizes are taken from the buffer's items, because they differ between native
  // and standard.
  static std::optional<numeric::Type> read_type(const Py_buffer& buffer) {
    std::string_view format = buffer.format == nullptr ? "B" : buffer.format;
    constexpr char kOwnOrder = std::endian::native == std::endian::little ? '<' : '>';
    if (format.size() == 2 && (format[0] == '@' || format[0] == '=' || format[0] == kOwnOrder)) {
      format.remove_prefix(1);
    }
    if (format.size() != 1) return std::nullopt;
    using numeric::Type;
    if (format == "d") return Type::Float64;
    if (format == "f") return Type::Float32;
    if (format == "?") return Type::Bool;
    constexpr std::array kSigned = {Type::Int8, Type::Int16, Type::Int32, Type::Int64};
    constexpr std::array kUnsigned = {Type::UInt8, Type::UInt16, Type::UInt32, Type::UInt64};
    const bool is_signed = std::string_view("bhilqn").find(format[0]) != std::string_view::npos;
    const bool is_unsigned = std::string_view("BHILQN").find(format[0]) != std::string_view::npos;
    if (!is_signed && !is_unsigned) return std::nullopt;
    const auto place =
        static_cast<std::size_t>(std::countr_zero(static_cast<std::uint64_t>(buffer.itemsize)));
    if (!std::has_single_bit(static_cast<std::uint64_t>(buffer.itemsize)) || place >= kSigned.size())
      return std::nullopt;
    return is_signed ? kSigned[place] : kUnsigned[place];
  }

  Py_buffer buffer_{};
  std::array<Py_ssize_t, numeric::kMaxAxes> strides_{};
  numeric::Type type_ = numeric::Type::UInt8;
};

std::int64_t cost(const numeric::View& view) {
  const auto size = static_cast<std::int64_t>(numeric::get_size(view.type));
  std::int64_t count = 1;  // 1, or kWorthReleasing for more
  bool dense = view.shape.empty();
  for (std::size_t i = 0; i < view.shape.size(); ++i) {
    count = std::min(count * std::min<std::int64_t>(view.shape[i], kWorthReleasing), kWorthReleasing);
    dense |= std::abs(view.strides[i]) == size && view.shape[i] > 1;
  }
  return count * (dense ? size : kBytesPerScattered);
}

// Runs `function(arguments...)`, without the GIL if that is worth it.
template <class F, class... A>
auto work(gil::Held& held, std::int64_t cost, F&& function, const A&... arguments) {
  if (cost < kWorthReleasing) return function(arguments...);
  return gil::release(held, std::forward<F>(function), arguments...);
}

nb::object as_python(const numeric::Integer& value) {
  const auto low = static_cast<std::int64_t>(value.low);
  if (value.high == (low < 0 ? -1 : 0)) return nb::int_(low);
  return (nb::int_(value.high) << nb::int_(64)) | nb::int_(value.low);
}

nb::object as_python(const numeric::Real& value) {
  return nb::float_(numeric::rounded(value));
}

numeric::Total compute_total(gil::Held& held, const char* function, nb::handle x, bool compensated,
                             nb::handle threads) {
  const int workers = thread_count(threads);
  const Buffer buffer(function, x);
  const numeric::View view = buffer.view();
  return work(
      held, cost(view),
      [](const numeric::View& numbers, const numeric::Options& options) {
        return numeric::sum(numbers, options);
      },
      view, numeric::Options{compensated, workers});
}

void refuse_empty(const char* function, const numeric::Total& total) {
  if (total.count != 0) return;
  refuse_value(std::string("numeric.") + function + " needs at least one number, got an empty array");
}

nb::object sum(gil::Held& held, nb::handle x, bool compensated, nb::handle threads) {
  const numeric::Total total = compute_total(held, "sum", x, compensated, threads);
  return std::visit([](const auto& value) { return as_python(value); }, total.value);
}

double mean(gil::Held& held, nb::handle x, bool compensated, nb::handle threads) {
  const numeric::Total total = compute_total(held, "mean", x, compensated, threads);
  refuse_empty("mean", total);
  return numeric::mean(total);
}

std::string describe_shape(const numeric::View& view) {
  std::string text = "(";
  for (std::size_t i = 0; i < view.shape.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(view.shape[i]);
  }
  return text + (view.shape.size() == 1 ? ",)" : ")");
}

double absdiff_mean(gil::Held& held, nb::handle a, nb::handle b, nb::handle threads) {
  const int workers = thread_count(threads);
  const Buffer first("absdiff_mean", a);
  const Buffer second("absdiff_mean", b);
  const numeric::View left = first.view();
  const numeric::View right = second.view();
  if (left.type != right.type) {
    refuse_type("numeric.absdiff_mean needs two arrays of the same type, got " + describe(a) + " and " +
                describe(b));
  }
  if (!std::ranges::equal(left.shape, right.shape)) {
    refuse_value("numeric.absdiff_mean needs two arrays of the same shape, got " + describe_shape(left) +
                 " and " + describe_shape(right));
  }
  const numeric::Total total = work(
      held, cost(left) + cost(right),
      [](const numeric::View& one, const numeric::View& other, const numeric::Options& options) {
        return numeric::absolute_difference(one, other, options);
      },
      left, right, numeric::Options{false, workers});
  refuse_empty("absdiff_mean", total);
  return numeric::mean(total);
}

}  // namespace
}  // namespace freshframe

NB_MODULE(_numeric, module) {
  namespace gil = freshframe::gil;
  module.doc() = "Sums of NumPy data, see freshframe.numeric.";
  (void)freshframe::NumPy::instance();
  module.def("sum", gil::entry<&freshframe::sum>, nb::arg("x").none(), nb::arg("compensated"),
             nb::arg("threads").none(),
             nb::sig("def sum(x: object, compensated: bool, threads: object) -> float | int"),
             "See freshframe.numeric.sum.\n\nGIL: released above 16 MiB, held otherwise.");
  module.def("mean", gil::entry<&freshframe::mean>, nb::arg("x").none(), nb::arg("compensated"),
             nb::arg("threads").none(),
             "See freshframe.numeric.mean.\n\nGIL: released above 16 MiB, held otherwise.");
  module.def("absdiff_mean", gil::entry<&freshframe::absdiff_mean>, nb::arg("a").none(), nb::arg("b").none(),
             nb::arg("threads").none(),
             "See freshframe.numeric.absdiff_mean.\n\nGIL: released above 16 MiB, held otherwise.");
}
