// Encoded video packets in Python, without copying their data: the class Packet, and a camera's packets.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include "freshframe/packet.hpp"

#include "freshframe/media.hpp"
#include "freshframe/packet_nodes.hpp"

#include <cstdint>
#include <optional>
#include <string>

#include "bindings/border/text.hpp"
#include "bindings/engine/engine.hpp"
#include "bindings/engine/node_handle.hpp"
#include "bindings/parts.hpp"
#include "core/pipeline/runner/runner.hpp"
#include "core/pipeline/views/ports.hpp"
#include "media/packets/annexb.hpp"
#include "media/packets/packet_camera.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/unique_ptr.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

int packet_buffer(PyObject* self, Py_buffer* view, int flags) noexcept {
  const auto& data = nb::inst_ptr<Packet>(self)->data;
  auto* const bytes = const_cast<std::uint8_t*>(data.data());
  return PyBuffer_FillInfo(view, self, bytes, static_cast<Py_ssize_t>(data.size()), 1, flags);
}

nb::object packet_view(nb::handle self) {
  auto view = nb::steal(PyMemoryView_FromObject(self.ptr()));
  if (!view.is_valid()) throw nb::python_error();
  return view;
}

nb::bytes annexb(const Packet& self) {
  const auto bytes = media::to_annexb(self);
  return nb::bytes(bytes.data(), bytes.size());
}

std::string describe_packet(const Packet& self) {
  return "<Packet " + self.stream->codec + ", " + std::to_string(self.data.size()) + " bytes, pts " +
         std::to_string(self.pts) + (self.is_keyframe ? ", key>" : ">");
}

void bind_packet_class(nb::module_& module) {
  static const PyType_Slot slots[] = {{Py_bf_getbuffer, reinterpret_cast<void*>(&packet_buffer)},
                                      {0, nullptr}};
  nb::class_<Packet>(module, "Packet", nb::type_slots(slots), nb::is_final(),
                     "One encoded frame, as the camera sent it.\n\nA bytes-like object: ``bytes(packet)`` "
                     "copies, ``packet.data`` does not. It is the value of the samples of "
                     "``camera.packets``, which are in decoding order.")
      .def_prop_ro("data", &packet_view, nb::sig("def data(self, /) -> memoryview"),
                   "The bytes as a read-only memoryview, without a copy.")
      .def_ro("pts", &Packet::pts, "Presentation time in seconds; equals the pts of the decoded frame.")
      .def_ro("dts", &Packet::dts,
              "Decoding time in seconds; increases from packet to packet, and is not greater than pts.")
      .def_prop_ro(
          "duration",
          [](const Packet& self) { return self.duration > 0 ? std::optional(self.duration) : std::nullopt; },
          "Duration in seconds, or None if unknown.")
      .def_ro("is_keyframe", &Packet::is_keyframe, "True if decoding can start with it.")
      .def_ro("damaged", &Packet::damaged,
              "True if part of the frame, or of one that it was predicted from, was lost in transit.")
      .def_prop_ro(
          "codec", [](const Packet& self) { return self.stream->codec; },
          "FFmpeg's name: \"h264\", \"hevc\", \"mjpeg\", ...")
      .def_prop_ro(
          "format", [](const Packet& self) { return self.stream->format; },
          "How NAL units are delimited: \"annexb\" (start codes) or \"avcc\" (length prefixes); \"raw\" for "
          "codecs without NAL units.")
      .def_prop_ro(
          "size",
          [](const Packet& self) -> nb::object {
            const auto& stream = *self.stream;
            if (stream.width <= 0 || stream.height <= 0) return nb::none();
            return nb::make_tuple(stream.width, stream.height);
          },
          nb::sig("def size(self, /) -> tuple[int, int] | None"),
          "Width and height in pixels, or None if unknown.")
      .def_prop_ro(
          "extradata",
          [](const Packet& self) {
            const auto& sets = self.stream->extradata;
            return nb::bytes(reinterpret_cast<const char*>(sets.data()), sets.size());
          },
          "The parameter sets of the stream, in the layout of `format`.")
      .def(
          "annexb", &annexb,
          "Returns the bytes with start codes, as decoders, Rerun and .h264 files expect them.\n\nA keyframe "
          "without parameter sets gets those of the stream, so the concatenated packets from a keyframe on "
          "are a file that any decoder can read.\n\nRaises:\n    OptionError: The codec is neither h264 nor "
          "hevc.\n    FreshframeError: A length prefix exceeds the packet.")
      .def("__len__", [](const Packet& self) { return self.data.size(); })
      .def("__repr__", &describe_packet);
}

VideoSource& get_camera(const NodeHandle& self) {
  return node_as<VideoSource>(self, "a video source");
}

void decode_on_demand(const Engine& engine, int index) {
  const auto runner = engine.core().runner(index);
  const auto node = runner ? runner->node() : nullptr;
  auto* const camera = node ? node->abilities().packets : nullptr;
  if (camera == nullptr) return;  // it was removed
  camera->take_frames_while(core::is_taken(runner));
}

}  // namespace

void bind_packets(nb::module_& module) {
  bind_packet_class(module);
  module.def(
      "make_packet_source",
      [](const NodeHandle& self) { return make_handle(make_packet_source(get_camera(self))); },
      nb::arg("node"),
      "Creates the source that emits the packets of a video source. May be called once, before the start.");
  module.def("decode_on_demand", &decode_on_demand, nb::arg("engine"), nb::arg("index"),
             "Makes the video source decode only while a node, reader or viewer uses its frames.");
  module.def(
      "wake",
      [](const NodeHandle& self, std::optional<double> seconds, std::optional<double> pts) {
        wake(get_camera(self), seconds, pts);
      },
      nb::arg("node"), nb::arg("seconds").none(), nb::arg("pts").none(),
      "Wakes a video source that was opened with decode=\"keyframes\".");
}

}  // namespace freshframe::python
