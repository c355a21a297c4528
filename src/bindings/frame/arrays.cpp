// Converts shapes and strides between frames and arrays.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/frame/arrays.hpp"

#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <array>
#include <cstring>
#include <limits>
#include <memory>
#include <utility>

#include "bindings/border/fork_guard.hpp"
#include "bindings/border/made_once.hpp"
#include "bindings/border/python_free_types.hpp"
#include "bindings/frame/format_use.hpp"

namespace nb = nanobind;

namespace freshframe::python {
namespace {

using ReadOnly = nb::ndarray<nb::numpy, const std::uint8_t>;
using Writable = nb::ndarray<nb::numpy, std::uint8_t>;
using AnyArray = nb::ndarray<nb::device::cpu, nb::ro>;

struct Shape {
  std::array<std::size_t, 3> sizes{};
  std::size_t dimensions = 0;
};

// Returns the shape of the packed array, see Frame.array.
Shape packed_shape(const PictureFormat& format) {
  const auto width = static_cast<std::size_t>(format.width);
  const auto height = static_cast<std::size_t>(format.height);
  switch (format.format) {
    case PixelFormat::Gray:
      return {{height, width}, 2};
    case PixelFormat::Bgr:
    case PixelFormat::Rgb:
      return {{height, width, 3}, 3};
    case PixelFormat::Nv12:
    case PixelFormat::I420:
      return {{height * 3 / 2, width}, 2};
    case PixelFormat::I422:
      return {{height * 2, width}, 2};
    case PixelFormat::I444:
      return {{3, height, width}, 3};
  }
  throw Error("unknown pixel format");
}

bool one_plane(const Frame& frame) {
  return frame.picture_format().plane_count() == 1;
}

int count_channels(PixelFormat format) {
  return format == PixelFormat::Bgr || format == PixelFormat::Rgb ? 3 : 1;
}

std::string shape_text(const AnyArray& array) {
  std::string text = "(";
  for (std::size_t i = 0; i < array.ndim(); ++i) text += (i > 0 ? ", " : "") + std::to_string(array.shape(i));
  return text + ")";
}

struct Wanted {
  PictureFormat format;
  int channels = 1;  // channels of the array: 4 for bgra and rgba
};

[[noreturn]] void refuse(const std::string& format, const char* shape, const AnyArray& array,
                         const char* advice = "") {
  throw OptionError("a frame in " + format + " needs an array of shape " + shape + ", got " +
                    shape_text(array) + advice);
}

[[noreturn]] void refuse_format(const std::string& name, const char* known) {
  throw OptionError(std::string("pixel format must be one of ") + known + ", got '" + name + "'");
}

/// Returns advice for an array that is not a three-channel image.
const char* advice_for(const AnyArray& array) {
  if (array.ndim() == 2) return ": pass format=\"gray\", or the format of its planes";
  if (array.ndim() == 3 && array.shape(2) == 4) {
    return ": pass format=\"bgra\" (screen capture, Qt, cairo), or format=\"rgba\" (PIL)";
  }
  if (array.ndim() == 3 && array.shape(2) == 1) return ": pass array[:, :, 0] with format=\"gray\"";
  if (array.ndim() == 3 && array.shape(0) == 3) return ": pass array.transpose(1, 2, 0)";
  return "";
}

Wanted packed_input(const AnyArray& array, const std::string& format, int channels) {
  const char* shape = channels == 4 ? "(height, width, 4)" : "(height, width, 3)";
  if (array.ndim() != 3 || array.shape(2) != static_cast<std::size_t>(channels)) {
    refuse(format, shape, array, advice_for(array));
  }
  const auto pixels = format.starts_with("bgr") ? PixelFormat::Bgr : PixelFormat::Rgb;
  return {{static_cast<int>(array.shape(1)), static_cast<int>(array.shape(0)), pixels, ColorRange::Full},
          channels};
}

Wanted planar_input(const AnyArray& array, PixelFormat pixels) {
  const std::string name(to_string(pixels));
  if (pixels == PixelFormat::I444) {
    if (array.ndim() != 3 || array.shape(0) != 3) refuse(name, "(3, height, width)", array);
    return {{static_cast<int>(array.shape(2)), static_cast<int>(array.shape(1)), pixels}};
  }
  if (array.ndim() != 2) refuse(name, "(rows, width)", array);
  const auto rows = static_cast<int>(array.shape(0));
  const auto width = static_cast<int>(array.shape(1));
  if (pixels == PixelFormat::Gray) return {{width, rows, pixels, ColorRange::Full}};
  const bool quarter = pixels != PixelFormat::I422;  // nv12, i420: chroma has half the height
  if (width % 2 != 0 || (quarter ? rows % 3 != 0 : rows % 2 != 0)) {
    refuse(name,
           quarter ? "(height * 3 / 2, width) with even height and width"
                   : "(height * 2, width) with even width",
           array);
  }
  return {{width, quarter ? rows / 3 * 2 : rows / 2, pixels}};
}

Wanted input_of_format(const AnyArray& array, const std::string& format) {
  if (format == "bgra" || format == "rgba") return packed_input(array, format, 4);
  const auto pixels = pixel_format(format);
  if (!pixels) refuse_format(format, "gray, nv12, i420, i422, i444, bgr, rgb, bgra, rgba");
  return count_channels(*pixels) == 3 ? packed_input(array, format, 3) : planar_input(array, *pixels);
}

Wanted parse_input(const AnyArray& array, const std::string& format) {
  for (std::size_t i = 0; i < array.ndim(); ++i) {
    if (array.shape(i) > std::numeric_limits<int>::max()) {
      throw OptionError("a frame can have at most 2147483647 rows and columns, got an array of shape " +
                        shape_text(array));
    }
  }
  auto wanted = input_of_format(array, format);
  if (wanted.format.width < 1 || wanted.format.height < 1) {
    throw OptionError("a frame needs at least one pixel, got an array of shape " + shape_text(array));
  }
  return wanted;
}

struct Rows {
  const std::uint8_t* data = nullptr;
  std::ptrdiff_t row_step = 0;
  std::ptrdiff_t pixel_step = 0;
  std::ptrdiff_t channel_step = 0;
  int rows = 0;
  int pixels = 0;  // per row
  int channels = 1;
};

// The steps of the common layout are constants here, which makes it four times as fast as the general loop.
void copy_without_alpha(int pixels, const std::uint8_t* from, std::uint8_t* to) {
  for (int x = 0; x < pixels; ++x) {
    to[0] = from[0];
    to[1] = from[1];
    to[2] = from[2];
    from += 4;
    to += 3;
  }
}

// Copies one row of pixels, one by one if they are strided.
void copy_row(const Rows& rows, const std::uint8_t* from, std::uint8_t* to) {
  const int kept = rows.channels == 4 ? 3 : rows.channels;
  if (rows.channel_step == 1 && rows.pixel_step == 4 && rows.channels == 4) {
    copy_without_alpha(rows.pixels, from, to);
    return;
  }
  if (rows.channel_step == 1 && rows.pixel_step == rows.channels && kept == rows.channels) {
    std::memcpy(to, from, static_cast<std::size_t>(rows.pixels) * static_cast<std::size_t>(rows.channels));
    return;
  }
  for (int x = 0; x < rows.pixels; ++x) {
    for (int c = 0; c < kept; ++c) *to++ = from[x * rows.pixel_step + c * rows.channel_step];
  }
}

void copy_rows(const Rows* from, std::uint8_t* to, std::ptrdiff_t stride) {
  for (int y = 0; y < from->rows; ++y) {
    copy_row(*from, from->data + y * from->row_step, to + y * stride);
  }
}

// Note [Short copies]
//
// A copy that takes less than about half a millisecond keeps the GIL. If another thread is computing, getting
// the GIL back would take the switch interval, 5 ms.
// bytes of contiguous rows; an eighth if bytes are copied one by one
constexpr std::size_t kShortCopy = std::size_t{4} << 20;

bool is_short_copy(const Rows& rows) {
  const bool in_rows = rows.channel_step == 1 && rows.pixel_step == rows.channels && rows.channels != 4;
  const auto pixels = static_cast<std::size_t>(rows.rows) * static_cast<std::size_t>(rows.pixels);
  return pixels * static_cast<std::size_t>(rows.channels) <= (in_rows ? kShortCopy : kShortCopy / 8);
}

// Returns the planes of a packed buffer, which follow each other.
Picture packed_picture(const PictureFormat& format, const std::uint8_t* data) {
  Picture picture{format, {}};
  for (int i = 0; i < format.plane_count(); ++i) {
    auto plane = format.plane_shape(i);
    plane.stride = plane.row_bytes;
    plane.data = data;
    data += static_cast<std::ptrdiff_t>(plane.rows) * plane.row_bytes;
    picture.planes[static_cast<std::size_t>(i)] = plane;
  }
  return picture;
}

Rows describe(const AnyArray& array, const Wanted& wanted) {
  const auto* data = static_cast<const std::uint8_t*>(array.data());
  const bool has_channels = array.ndim() == 3;
  return {data,
          array.stride(0),
          array.stride(1),
          has_channels ? array.stride(2) : 1,
          static_cast<int>(array.shape(0)),
          static_cast<int>(array.shape(1)),
          wanted.channels};
}

bool is_contiguous(const AnyArray& array) {
  std::int64_t expected = 1;
  for (std::size_t i = array.ndim(); i-- > 0;) {
    if (array.shape(i) > 1 && array.stride(i) != expected) return false;
    expected *= static_cast<std::int64_t>(array.shape(i));
  }
  return true;
}

// Single-plane formats may have gaps between rows; everything else must be C-contiguous.
bool can_share(const AnyArray& array, const Wanted& wanted) {
  if (wanted.channels == 4) return false;
  if (is_contiguous(array)) return true;
  if (wanted.format.plane_count() != 1 || array.stride(0) < 0) return false;
  const bool packed_pixels = array.ndim() == 2 || array.stride(2) == 1;
  return packed_pixels && array.stride(1) == wanted.channels;
}

Frame wrap_array(gil::Held& held, const nb::object& owner, const AnyArray& array, const Wanted& wanted) {
  if (!can_share(array, wanted)) {
    throw OptionError(
        wanted.channels == 4
            ? "copy=False needs pixels without alpha, got an array of shape " + shape_text(array) +
                  ": use copy=True"
            : "copy=False needs a C-contiguous array (in gray, bgr and rgb, rows may be padded), got a view "
              "of shape " +
                  shape_text(array) + " with other strides: use copy=True");
  }
  auto keep = std::make_shared<gil::Ref>(held, owner.ptr());
  auto picture = packed_picture(wanted.format, static_cast<const std::uint8_t*>(array.data()));
  if (wanted.format.plane_count() == 1 && array.shape(0) > 1) picture.planes[0].stride = array.stride(0);
  return Frame::wrap(picture, array.nbytes(), [keep]() mutable { keep.reset(); }, pixel_ops());
}

}  // namespace

PixelFormat parse_format(const std::string& name) {
  if (const auto format = pixel_format(name)) return *format;
  refuse_format(name, "gray, nv12, i420, i422, i444, bgr, rgb");
}

namespace {

PyObject* find_array_type() {
  return nb::object(nb::module_::import_("numpy").attr("ndarray")).release().ptr();
}

}  // namespace

nb::object with_strides(nb::object object) {
  PyObject* const array_type = made_once<&find_array_type>();
  if (Py_TYPE(object.ptr()) == reinterpret_cast<PyTypeObject*>(array_type)) return object;
  if (PyObject_CheckBuffer(object.ptr()) == 0 || PyObject_IsInstance(object.ptr(), array_type) == 1)
    return object;
  nb::object view = nb::steal(PyMemoryView_FromObject(object.ptr()));
  if (!view.is_valid()) throw nb::python_error();
  return nb::module_::import_("numpy").attr("asarray")(view);
}

nb::object plane_view(const Plane& plane, int channels, nb::handle owner) {
  const auto rows = static_cast<std::size_t>(plane.rows);
  const auto columns = static_cast<std::size_t>(plane.row_bytes / channels);
  if (channels == 1) {
    return nb::cast(ReadOnly(plane.data, {rows, columns}, owner, {plane.stride, 1}));
  }
  return nb::cast(ReadOnly(plane.data, {rows, columns, static_cast<std::size_t>(channels)}, owner,
                           {plane.stride, channels, 1}));
}

nb::object packed_view(gil::Held& held, const Frame& frame) {
  const nb::object owner = nb::cast(frame);
  if (one_plane(frame)) return plane_view(frame.planes()[0], count_channels(frame.format()), owner);
  FormatUse::note_packed();
  const auto bytes =
      frame.has_packed()
          ? frame.pack_planes()
          : gil::release(held, [](const Frame& source) { return source.pack_planes(); }, frame);
  const auto shape = packed_shape(frame.picture_format());
  return nb::cast(ReadOnly(bytes.data(), shape.dimensions, shape.sizes.data(), owner));
}

nb::object packed_copy(gil::Held& held, const Frame& frame) {
  const auto shape = packed_shape(frame.picture_format());
  std::size_t bytes = 1;
  for (std::size_t i = 0; i < shape.dimensions; ++i) bytes *= shape.sizes[i];
  auto memory = std::make_unique<std::uint8_t[]>(bytes);
  gil::release(
      held,
      [](const Frame& source, std::uint8_t* to) {
        if (one_plane(source)) {
          const auto& plane = source.planes()[0];
          const Rows rows{plane.data, plane.stride, 1, 1, plane.rows, plane.row_bytes, 1};
          copy_rows(&rows, to, plane.row_bytes);
        } else {
          const auto packed = source.pack_planes();
          std::memcpy(to, packed.data(), packed.size());
        }
      },
      frame, memory.get());
  const nb::capsule owner(memory.get(), [](void* pointer) noexcept {
    const std::unique_ptr<std::uint8_t[]> gone(static_cast<std::uint8_t*>(pointer));
  });
  return nb::cast(Writable(memory.release(), shape.dimensions, shape.sizes.data(), owner));
}

namespace {

/// Returns advice for an unsupported dtype.
const char* advice_for_numbers(const AnyArray& array) {
  if (array.dtype().code == static_cast<std::uint8_t>(nb::dlpack::dtype_code::Float)) {
    return ": pass (255 * array).clip(0, 255).astype(np.uint8) of pixels from 0 to 1, array.astype(np.uint8) "
           "of pixels from 0 to 255";
  }
  return ": pass array.astype(np.uint8) of pixels from 0 to 255";
}

}  // namespace

AnyArray uint8_array(nb::handle object, const char* who) {
  AnyArray array;
  const std::string wanted = std::string(who) + " needs a uint8 array in the CPU's memory";
  if (!nb::try_cast(object, array)) {
    const bool is_path = nb::isinstance<nb::str>(object) || nb::hasattr(object, "__fspath__");
    throw OptionTypeError(wanted + ", got " + nb::type_name(object.type()).c_str() +
                          (is_path ? "; Frame.read() reads a file" : ""));
  }
  if (array.dtype() != nb::dtype<std::uint8_t>()) {
    const nb::object dtype = nb::getattr(object, "dtype", nb::str("another type"));
    throw OptionTypeError(wanted + ", got " + nb::str(dtype).c_str() + advice_for_numbers(array));
  }
  return array;
}

Frame frame_from_array(gil::Held& held, nb::object object, const std::string& format, bool copy) {
  gil::DeferredFree::instance().drain(held);  // frees arrays that earlier frames had borrowed
  object = with_strides(std::move(object));
  const auto array = uint8_array(object, "Frame.from_array");
  const auto wanted = parse_input(array, format);
  if (!copy) return wrap_array(held, object, array, wanted).keep();
  FrameBuilder builder(wanted.format);
  auto* target = builder.plane(0);
  if (wanted.format.plane_count() == 1) {
    const auto rows = describe(array, wanted);
    if (is_short_copy(rows)) {
      copy_rows(&rows, target, builder.stride(0));
    } else {
      gil::release(
          held,
          [](const Rows* from, std::uint8_t* to, std::ptrdiff_t stride) { copy_rows(from, to, stride); },
          &rows, target, builder.stride(0));
    }
    return std::move(builder).publish(pixel_ops()).keep();
  }
  if (!is_contiguous(array)) {
    object = nb::module_::import_("numpy").attr("ascontiguousarray")(object);
    return frame_from_array(held, object, format, true);
  }
  const auto source = packed_picture(wanted.format, static_cast<const std::uint8_t*>(array.data()));
  const auto copy_planes = [](const Picture& from, const MutablePicture& to) {
    return basic_pixel_ops().convert(from, to);
  };
  const bool copied = array.nbytes() <= kShortCopy
                          ? copy_planes(source, builder.picture())
                          : gil::release(held, copy_planes, source, builder.picture());
  if (!copied)
    throw Error("cannot copy an array of shape " + shape_text(array) + " into a frame of format " +
                std::string(to_string(wanted.format.format)));
  return std::move(builder).publish(pixel_ops()).keep();
}

Frame to_frame(gil::Held& held, nb::object object, const char* who) {
  if (Frame frame; nb::try_cast(object, frame, false)) return check_process(frame);
  object = with_strides(std::move(object));
  const auto array = uint8_array(object, who);
  const bool color = array.ndim() == 3 && array.shape(2) == 3;
  if (!color && array.ndim() != 2) {
    throw OptionError(std::string(who) +
                      " needs an array of shape (height, width), or (height, width, 3) in BGR order, got " +
                      shape_text(array));
  }
  const std::string format = color ? "bgr" : "gray";
  return frame_from_array(held, object, format, !can_share(array, parse_input(array, format)));
}

}  // namespace freshframe::python
