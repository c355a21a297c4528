// freshframe.Frame: images as read-only arrays, and as JPEG for sending and for notebooks.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "bindings/border/attribute_hint.hpp"
#include "bindings/border/fork_guard.hpp"
#include "bindings/border/python_free_types.hpp"
#include "bindings/border/text.hpp"
#include "bindings/frame/arrays.hpp"
#include "bindings/frame/format_use.hpp"
#include "bindings/parts.hpp"
#include "core/frame/frame_access.hpp"
#include "media/colour/jpeg_encoder.hpp"

#include <nanobind/stl/optional.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

Frame convert_frame(gil::Held& held, const Frame& self, PixelFormat format) {
  check_process(self);
  if (format != self.format()) FormatUse::note(format);
  if (self.has(format)) return self.to(format);
  return gil::release(
      held, [](const Frame& frame, PixelFormat wanted) { return frame.to(wanted); }, self, format);
}

const Frame& in_host(gil::Held& held, Frame&& frame) = delete;
/// Returns the frame, after making sure that its pixels are in host memory.
const Frame& in_host(gil::Held& held, const Frame& frame) {
  static_cast<void>(check_process(frame));
  if (!frame.has(frame.format()))
    gil::release(held, [](const Frame& on_card) { static_cast<void>(on_card.picture()); }, frame);
  return frame;
}

int count_channels(const Frame& frame, int plane) {
  if (frame.format() == PixelFormat::Bgr || frame.format() == PixelFormat::Rgb) return 3;
  return frame.format() == PixelFormat::Nv12 && plane == 1 ? 2 : 1;
}

nb::object view(const Frame& frame) {
  return plane_view(frame.planes()[0], count_channels(frame, 0), nb::cast(frame));
}

nb::object luma(gil::Held& held, nb::handle_t<Frame> self) {
  const auto& frame = in_host(held, nb::cast<const Frame&>(self));
  if (frame.format() != PixelFormat::Bgr && frame.format() != PixelFormat::Rgb) {
    return plane_view(frame.planes()[0], 1, self);
  }
  return view(convert_frame(held, frame, PixelFormat::Gray));
}

nb::object bgr(gil::Held& held, const Frame& self) {
  return view(convert_frame(held, self, PixelFormat::Bgr));
}
nb::object rgb(gil::Held& held, const Frame& self) {
  return view(convert_frame(held, self, PixelFormat::Rgb));
}
nb::object array(gil::Held& held, const Frame& self) {
  return packed_view(held, check_process(self));
}

nb::object planes(gil::Held& held, nb::handle_t<Frame> self) {
  const auto& frame = in_host(held, nb::cast<const Frame&>(self));
  nb::list list;
  int index = 0;
  for (const auto& plane : frame.planes())
    list.append(plane_view(plane, count_channels(frame, index++), self));
  return nb::tuple(list);
}

std::string format_name(nb::handle given) {
  std::string name;
  if (!nb::try_cast(given, name)) {
    throw OptionTypeError("pixel format must be a string, such as 'bgr', got " + describe_object(given));
  }
  return name;
}

Frame to(gil::Held& held, const Frame& self, nb::handle format) {
  return convert_frame(held, self, parse_format(format_name(format)));
}

nb::object copy(gil::Held& held, const Frame& self, const nb::object& format) {
  if (format.is_none()) {
    const bool is_image = count_channels(self, 0) == 3 || self.format() == PixelFormat::Gray;
    return packed_copy(held, is_image ? check_process(self) : convert_frame(held, self, PixelFormat::Bgr));
  }
  return packed_copy(held, convert_frame(held, self, parse_format(format_name(format))));
}

Frame from_array(gil::Held& held, nb::object array, nb::handle format, nb::handle copy) {
  bool own = true;
  if (!nb::try_cast(copy, own)) {
    throw OptionTypeError("copy must be True or False, got " + describe_object(copy));
  }
  return frame_from_array(held, std::move(array), format_name(format), own);
}

[[noreturn]] nb::tuple refuse_pickle(const Frame& /*self*/) {
  throw OptionTypeError(
      "a Frame cannot be pickled, because its pixels stay in the memory of this process: pickle "
      "frame.copy(), a NumPy array, or the results");
}

// __array__ and __dlpack__ need NumPy's own rules, so they are implemented in Python.
nb::object as_numpy(nb::handle self, nb::object dtype, nb::object copy) {
  return nb::module_::import_("freshframe._media.frame_arrays").attr("as_numpy")(self, dtype, copy);
}

nb::object dlpack(nb::handle self, const nb::kwargs& kwargs) {
  return nb::module_::import_("freshframe._media.frame_arrays").attr("dlpack")(self, **kwargs);
}

constexpr const char* kPixels = "The pixels are frame.bgr, an array (height, width, 3)";
constexpr const char* kBrightness = "The pixels are frame.luma, an array of the brightness";

constexpr AttributeHint kFrameHints[] = {
    {"gray", kBrightness},
    {"grey", kBrightness},
    {"data", kPixels},
    {"image", kPixels},
    {"img", kPixels},
    {"pixels", kPixels},
    {"numpy", kPixels},
    {"shape", "A frame's pixels are an array: frame.bgr.shape"},
    {"dtype", "A frame's pixels are an array: frame.bgr.dtype"},
    {"size", "It has width and height. Its pixels are an array: frame.bgr.size"},
};

PyObject* get_frame_attribute(PyObject* self, PyObject* name) {
  return attribute_or_hint(self, name, kFrameHints);
}

PyObject* refuse_subscript(PyObject* /*self*/, PyObject* /*key*/) {
  PyErr_SetString(PyExc_TypeError,
                  "'Frame' object is not subscriptable. A frame's pixels are an array: frame.bgr[y, x], or "
                  "frame.luma[y, x]. frame.crop() cuts out a part");
  return nullptr;
}

std::string represent(const Frame& self) {
  return "Frame(" + std::to_string(self.width()) + "x" + std::to_string(self.height()) + ", '" +
         std::string(to_string(self.format())) + "')";
}

// Binds properties of the image.
void bind_properties(nb::class_<Frame>& frame) {
  frame.def_prop_ro("width", &Frame::width, "Width in pixels.")
      .def_prop_ro("height", &Frame::height, "Height in pixels.")
      .def_prop_ro(
          "format", [](const Frame& self) { return std::string(to_string(self.format())); },
          nb::sig("def format(self, /) -> typing.Literal['gray', 'nv12', 'i420', 'i422', 'i444', 'bgr', "
                  "'rgb']"),
          "The pixel format.")
      .def_prop_ro(
          "color_range",
          [](const Frame& self) { return std::string(to_string(self.picture_format().range)); },
          nb::sig("def color_range(self, /) -> typing.Literal['limited', 'full']"),
          "'limited' (luma 16 to 235, as in most video) or 'full'.")
      .def_prop_ro(
          "color_space",
          [](const Frame& self) { return std::string(to_string(self.picture_format().space)); },
          "'bt601', 'bt709', 'bt2020' or 'unspecified'.")
      .def_prop_ro(
          "damaged", &Frame::is_damaged,
          "True if part of the image, or of one that it was predicted from, was lost in transit or could not "
          "be decoded. Frames that a node makes from a damaged frame are damaged, too.")
      .def_prop_ro(
          "planes", gil::entry<&planes>,
          nb::sig("def planes(self, /) -> tuple[numpy.typing.NDArray[numpy.uint8], ...]"),
          "One read-only array per plane, in the frame's own format: (H, W) uint8, (H, W, 2) for the chroma "
          "of nv12, (H, W, 3) for bgr and rgb. GIL: released while an image is downloaded from the GPU")
      .def_prop_ro(
          "luma", gil::entry<&luma>, nb::sig("def luma(self, /) -> numpy.typing.NDArray[numpy.uint8]"),
          "(H, W) uint8, read-only. For YUV and gray frames this is plane 0, without a copy, in the stream's "
          "own range. For bgr and rgb it is converted once, then shared. GIL: released for the first "
          "conversion")
      .def_prop_ro("bgr", gil::entry<&bgr>, nb::sig("def bgr(self, /) -> numpy.typing.NDArray[numpy.uint8]"),
                   "(H, W, 3) uint8, read-only; converted once, then shared by all users. To get a writable "
                   "array, for example to draw on, use copy('bgr'). GIL: released for the first conversion, "
                   "then held")
      .def_prop_ro(
          "rgb", gil::entry<&rgb>, nb::sig("def rgb(self, /) -> numpy.typing.NDArray[numpy.uint8]"),
          "(H, W, 3) uint8, read-only; converted once, then shared by all users. GIL: released for the first "
          "conversion, then held")
      .def_prop_ro(
          "array", gil::entry<&array>, nb::sig("def array(self, /) -> numpy.typing.NDArray[numpy.uint8]"),
          "The frame in its own format as one read-only array: (H, W, 3) for bgr and rgb, (H, W) for gray, "
          "(H*3//2, W) for nv12 and i420, (H*2, W) for i422, (3, H, W) for i444. Planar formats are packed "
          "once, then shared.\n\nRaises:\n    FreshframeError: The format is subsampled and the size is odd: "
          "use planes, luma or bgr.\nGIL: released for the first packing, then held");
}

// Binds other formats, copies, and frames made from arrays.
void bind_copies(nb::class_<Frame>& frame) {
  frame
      .def(
          "to", gil::entry<&to>, nb::arg("format").none(),
          nb::sig(
              "def to(self, format: typing.Literal['gray', 'nv12', 'i420', 'i422', 'i444', 'bgr', 'rgb']) -> "
              "Frame"),
          "Returns the image in another format: gray, nv12, i420, i422, i444, bgr or rgb. GIL: released")
      .def(
          "copy", gil::entry<&copy>, nb::arg("format") = nb::none(),
          nb::sig(
              "def copy(self, format: typing.Literal['gray', 'nv12', 'i420', 'i422', 'i444', 'bgr', 'rgb'] | "
              "None = None) -> numpy.typing.NDArray[numpy.uint8]"),
          "Returns a new writable array in the given format. Default: the frame's own format for gray and "
          "rgb, otherwise bgr, so that OpenCV can draw on it. GIL: released")
      .def_static(
          "from_array", gil::entry<&from_array>, nb::arg("array").none(), nb::arg("format") = "bgr",
          nb::kw_only(), nb::arg("copy") = true,
          nb::sig("def from_array(array: typing.Any, format: typing.Literal['gray', 'nv12', 'i420', 'i422', "
                  "'i444', 'bgr', 'rgb', 'bgra', 'rgba'] = 'bgr', *, copy: bool = True) -> Frame"),
          "Creates a frame from an array of uint8 pixels, by default in BGR order as in OpenCV. Arrays from "
          "PIL, imageio and PyTorch are in RGB order: pass format='rgb'. Screen capture, Qt and cairo use "
          "format='bgra'.\n\nAll formats of `array` are supported, with the same shapes. 'bgra' and 'rgba' "
          "are (H, W, 4); the alpha channel is dropped, so they cannot be combined with copy=False. With "
          "copy=False the frame shares the array's memory, which must not change afterwards.\n\nRaises:\n    "
          "OptionError: The shape does not fit the format.\n    OptionTypeError: The array is not a uint8 "
          "array.\nGIL: released for a copy that takes longer than about half a millisecond");
}

// Binds protocols of Python and NumPy.
void bind_protocols(nb::class_<Frame>& frame) {
  frame.def(
           "__copy__", [](nb::handle_t<Frame> self) { return nb::borrow(self); }, "The same frame.")
      .def(
          "__deepcopy__", [](nb::handle_t<Frame> self, nb::handle /*memo*/) { return nb::borrow(self); },
          nb::arg("memo"), "The same frame, because it never changes.")
      .def("__reduce__", &refuse_pickle, "Raises OptionTypeError: a Frame cannot be pickled.")
      .def("__array__", &as_numpy, nb::arg("dtype") = nb::none(), nb::arg("copy") = nb::none(),
           nb::sig("def __array__(self, dtype: typing.Any = None, copy: bool | None = None) -> "
                   "numpy.typing.NDArray[typing.Any]"),
           "Returns `array`, for NumPy. Raises OptionError unless the frame is gray, bgr or rgb.")
      .def("__dlpack__", &dlpack, nb::sig("def __dlpack__(self, **kwargs: typing.Any) -> typing.Any"),
           "Exports `array` to DLPack, if the frame is gray, bgr or rgb: read-only and without a copy for "
           "consumers that support version 1.0, as a separate copy for older ones. GIL: released while "
           "copying")
      .def(
          "__dlpack_device__", [](const Frame&) { return nb::make_tuple(1, 0); }, "The CPU: (1, 0).")
      .def(
          "__eq__", [](const Frame& self, const Frame& other) { return self == other; }, nb::is_operator(),
          nb::sig("def __eq__(self, other: object, /) -> bool"),
          "True if both frames share their memory. Pixels are not compared.")
      .def("__hash__",
           [](const Frame& self) { return std::hash<const void*>{}(core::FrameAccess::identity(self)); })
      .def("__repr__", &represent)
      .def("_nbytes", &Frame::size_bytes, "Size of this frame's memory in bytes, including its conversions.");
}

}  // namespace

void bind_frame(nb::module_& module) {
  static const PyType_Slot slots[] = {{Py_tp_getattro, reinterpret_cast<void*>(&get_frame_attribute)},
                                      {Py_mp_subscript, reinterpret_cast<void*>(&refuse_subscript)},
                                      {0, nullptr}};
  nb::class_<Frame> frame(
      module, "Frame", nb::type_slots(slots), nb::is_final(),
      "An immutable, shared image. Copying the object copies no pixels.\n\nHolding frames is safe: their "
      "memory is counted and limited (Pipeline(max_held_bytes=)).");
  refuse_construction(frame,
                      "Frame cannot be called. Make a frame with Frame.from_array(array, \"bgr\") or "
                      "Frame.read(path); a source makes its own");
  bind_frame_display(frame);
  bind_frame_files(frame);
  bind_frame_crops(frame);
  bind_frame_device(module, frame);
  bind_properties(frame);
  bind_copies(frame);
  bind_protocols(frame);
}

namespace {

constexpr int kMaxSide = 960;  // pixels; limited, since notebooks store images in their files
constexpr int kQuality = 90;

nb::bytes encode_frame(gil::Held& held, const Frame& self, int max_side, int quality) {
  if (quality < 1 || quality > 100) {
    throw OptionError("quality must be from 1 to 100, got " + std::to_string(quality));
  }
  const std::string bytes = gil::release(
      held,
      [](const Frame& frame, int side, int how_well) {
        return media::JpegEncoder().encode_within(frame, side, how_well).bytes;
      },
      check_process(self), max_side, quality);
  return nb::bytes(bytes.data(), bytes.size());
}

nb::bytes shown_in_a_notebook(gil::Held& held, const Frame& self) {
  return encode_frame(held, self, kMaxSide, kQuality);
}

nb::bytes jpeg(gil::Held& held, const Frame& self, nb::handle max_side, nb::handle quality) {
  int side = std::max(self.width(), self.height());
  if (!max_side.is_none()) side = nb::cast<int>(call_check("integer", "max_side", max_side));
  if (side < 1) throw OptionError("max_side must be at least 1 pixel, got " + std::to_string(side));
  return encode_frame(held, self, side, nb::cast<int>(call_check("integer", "quality", quality)));
}

}  // namespace

void bind_frame_display(nb::class_<Frame>& frame) {
  frame
      .def("_repr_jpeg_", gil::entry<&shown_in_a_notebook>,
           "The image as JPEG, for notebooks. Scaled down if a side is longer than 960 pixels. GIL: released")
      .def("jpeg", gil::entry<&jpeg>, nb::kw_only(), nb::arg("max_side") = nb::none(),
           nb::arg("quality").none() = 80,
           nb::sig("def jpeg(self, *, max_side: int | None = None, quality: int = 80) -> bytes"),
           "Encodes the frame as a JPEG file, for example for a web page, a message or a database.\n\nThe "
           "colours are converted to those of JFIF: full range, BT.601, 4:2:0. A gray frame stays gray.\n\n"
           "Args:\n    max_side: Maximum width and height in pixels; a larger image is scaled down. None "
           "keeps the size.\n    quality: 1 to 100.\n\nRaises:\n    OptionError: max_side or quality is out "
           "of range.\n    OptionTypeError: max_side or quality is not an integer.\nGIL: released");
}

}  // namespace freshframe::python
