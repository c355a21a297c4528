// ONNX models for Python: loading, describing and running them, and nodes for detectors, classifiers and raw
// outputs.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include "freshframe/classification.hpp"
#include "freshframe/inference.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bindings/border/fork_guard.hpp"
#include "bindings/border/path_name.hpp"
#include "bindings/border/python_free_types.hpp"
#include "bindings/border/region.hpp"
#include "bindings/border/text.hpp"
#include "bindings/engine/node_handle.hpp"
#include "bindings/frame/arrays.hpp"
#include "bindings/parts.hpp"
#include "bindings/results/value.hpp"
#include "inference/model/picture_input.hpp"
#include "inference/runtime/providers.hpp"
#include "inference/runtime/session.hpp"

#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

template <>
inline constexpr bool freshframe::gil::python_free<freshframe::OnnxDetector> = true;
template <>
inline constexpr bool freshframe::gil::python_free<freshframe::OnnxClassifier> = true;

namespace freshframe::python {
namespace {

/// A loaded model. Its threads belong to the process that loaded it.
class Model {
 public:
  explicit Model(OnnxModel model) : model_(std::move(model)) {}

  [[nodiscard]] const OnnxModel& get() const {
    guard_.check("this model");
    return model_;
  }
  [[nodiscard]] const inference::Session& session() const { return *get().session(); }

 private:
  OnnxModel model_;
  ForkGuard guard_;
};

/// Input width and height in pixels; if empty, the model's own.
using Sides = std::optional<std::pair<int, int>>;

}  // namespace
}  // namespace freshframe::python

namespace freshframe::gil {

template <>
inline constexpr bool python_free<python::Model> = true;
template <>
inline constexpr bool python_free<OnnxModel> = true;
template <>
inline constexpr bool python_free<inference::Tensor> = true;
template <>
inline constexpr bool python_free<inference::TensorView> = true;

}  // namespace freshframe::gil

namespace freshframe::python {
namespace {

using inference::Tensor;
using inference::TensorView;
using inference::ort::Element;

std::unique_ptr<Model> load(gil::Held& held, const PathName& library, const PathName& path, int threads,
                            const std::string& provider,
                            const std::map<std::string, std::string>& provider_options) {
  const OnnxOptions options{.library = library.bytes,
                            .threads = threads,
                            .provider = provider,
                            .provider_options = provider_options};
  return gil::release(
      held,
      [](const std::string& file, const OnnxOptions& how) {
        return std::make_unique<Model>(OnnxModel(file, how));
      },
      path.bytes, options);
}

nb::list describe_tensors(const std::vector<inference::TensorInfo>& tensors) {
  nb::list result;
  for (const auto& tensor : tensors) {
    nb::list shape;
    for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
      if (tensor.shape[i] >= 0) {
        shape.append(tensor.shape[i]);
      } else if (!tensor.symbols[i].empty()) {
        shape.append(tensor.symbols[i]);
      } else {
        shape.append(nb::none());
      }
    }
    const auto name = inference::element_name(tensor.element);
    result.append(nb::make_tuple(tensor.name, name.empty() ? "other" : std::string(name), nb::tuple(shape)));
  }
  return result;
}

// Returns a view that ONNX Runtime reads while the array is kept alive.
TensorView make_view(nb::handle array, const inference::TensorInfo& input) {
  const auto given = nb::cast<nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>>(array);
  TensorView view{.data = given.data(), .bytes = given.nbytes(), .element = input.element, .shape = {}};
  for (std::size_t i = 0; i < given.ndim(); ++i)
    view.shape.push_back(static_cast<std::int64_t>(given.shape(i)));
  return view;
}

nb::dlpack::dtype dlpack_type(Element element) {
  using Code = nb::dlpack::dtype_code;
  const auto name = inference::element_name(element);
  const auto code = name == "bool"   ? Code::Bool
                    : name[0] == 'f' ? Code::Float
                    : name[0] == 'u' ? Code::UInt
                                     : Code::Int;
  return {static_cast<std::uint8_t>(code), static_cast<std::uint8_t>(8 * inference::element_bytes(element)),
          1};
}

// Returns an array that owns the output.
nb::object make_array(Tensor tensor) {
  static const std::int64_t nothing = 0;
  auto kept = std::make_unique<Tensor>(std::move(tensor));
  const auto& owned = *kept;
  std::vector<std::size_t> shape;
  for (const auto size : owned.shape()) shape.push_back(static_cast<std::size_t>(size));
  const auto type = dlpack_type(owned.element());
  const void* const data = owned.count() > 0 ? owned.data() : &nothing;
  const nb::capsule owner(kept.release(), [](void* object) noexcept { delete static_cast<Tensor*>(object); });
  return nb::cast(
      nb::ndarray<nb::numpy>(const_cast<void*>(data), shape.size(), shape.data(), owner, nullptr, type));
}

// The package has already made the arrays C-contiguous and converted them to the input types.
nb::list run(gil::Held& held, const Model& self, const nb::list& arrays) {
  const auto& inputs = self.session().inputs();
  std::vector<TensorView> views;
  for (std::size_t i = 0; i < std::min(arrays.size(), inputs.size()); ++i) {
    views.push_back(make_view(arrays[i], inputs[i]));
  }
  auto outputs = gil::release(
      held,
      [](const Model& model, const std::vector<TensorView>& given) { return model.session().run(given, {}); },
      self, views);
  nb::list result;
  for (auto& output : outputs) result.append(make_array(std::move(output)));
  return result;
}

nb::tuple compute_placement(const Model& self, int width, int height, const Sides& size) {
  const auto where = inference::place(width, height, inference::picture_form(self.session(), size));
  return nb::make_tuple(where.scale_x, where.scale_y, where.left, where.top);
}

nb::tuple describe_runtime(gil::Held& held, const PathName& library) {
  const auto [version, providers] = gil::release(
      held,
      [](const std::string& path) {
        const auto& runtime = inference::Runtime::load(path);
        return std::pair(runtime.version(), inference::list_providers(runtime));
      },
      library.bytes);
  return nb::make_tuple(version, providers);
}

using Description = OnnxDetector::Description;

nb::object detect_onnx(gil::Held& held, NodeHandle& self, nb::object given) {
  self.guard.check("this OnnxDetector");
  const LoneCall<OnnxDetector> call(self, "an OnnxDetector", "detect()");
  const auto frame = to_frame(held, std::move(given), "OnnxDetector.detect()");
  const auto found = gil::release(
      held,
      [](OnnxDetector* detector, const Frame& picture) {
        return ValueRef::make<Detections>(detector->detect(picture));
      },
      &call.node(), frame);
  return to_python(held, found);
}

std::unique_ptr<NodeHandle> make_detector(gil::Held& held, const Model& self,
                                          const OnnxDetectorOptions& options) {
  auto detector = gil::release(
      held,
      [](const Model& model, const OnnxDetectorOptions& how) {
        return std::make_unique<OnnxDetector>(model.get(), how);
      },
      self, options);
  return make_handle(std::move(detector));
}

void prepare_batches(gil::Held& held, NodeHandle& self) {
  const LoneCall<OnnxDetector> call(self, "an OnnxDetector", "batches");
  gil::release(held, [](OnnxDetector* detector) { detector->prepare_batches(); }, &call.node());
}

void bind_detector_options(nb::module_& module) {
  nb::class_<OnnxDetectorOptions>(module, "OnnxDetectorOptions", nb::is_final(),
                                  "Options of OnnxDetector, with their defaults.")
      .def(nb::init<>())
      .def_rw("min_confidence", &OnnxDetectorOptions::min_confidence)
      .def_rw("max_iou", &OnnxDetectorOptions::max_iou)
      .def_rw("agnostic_nms", &OnnxDetectorOptions::agnostic_nms)
      .def_rw("classes", &OnnxDetectorOptions::classes)
      .def_rw("names", &OnnxDetectorOptions::names)
      .def_rw("layout", &OnnxDetectorOptions::layout)
      .def_rw("size", &OnnxDetectorOptions::size)
      .def_rw("tensor_batches", &OnnxDetectorOptions::tensor_batches)
      .def_prop_rw(
          "roi", [](const OnnxDetectorOptions& self) { return to_corners(self.roi); },
          [](OnnxDetectorOptions& self, const std::optional<Corners>& roi) { self.roi = to_region(roi); },
          nb::for_setter(nb::arg("roi").none()), "x0, y0, x1, y1 in pixels.");
}

}  // namespace

void bind_onnx_detector(nb::module_& module) {
  bind_detector_options(module);
  nb::class_<Description>(module, "OnnxDescription", nb::is_final(),
                          "The output layout that an OnnxDetector found in its model.")
      .def_ro("layout", &Description::layout)
      .def_ro("layout_reason", &Description::layout_reason)
      .def_ro("names", &Description::names)
      .def_ro("classes", &Description::classes)
      .def_prop_ro("size", [](const Description& self) { return std::pair(self.width, self.height); })
      .def_ro("batch_size", &Description::batch_size);
  module.def("make_onnx_detector", gil::entry<&make_detector>, nb::arg("model"), nb::arg("options"),
             "GIL: released");
  module.def("prepare_onnx_batches", gil::entry<&prepare_batches>, nb::arg("detector"),
             "Loads the model a second time if batches need it. GIL: released");
  module.def("detect_onnx", gil::entry<&detect_onnx>, nb::arg("detector"), nb::arg("frame").none(),
             nb::sig("def detect_onnx(detector: NodeHandle, frame: typing.Any) -> freshframe.Detections"),
             "GIL: released");
  module.def(
      "set_onnx_min_confidence",
      [](const NodeHandle& self, float confidence) {
        node_as<OnnxDetector>(self, "an OnnxDetector").set_min_confidence(confidence);
      },
      nb::arg("node"), nb::arg("confidence"), "Takes effect with the next frame.");
  module.def(
      "set_onnx_classes",
      [](const NodeHandle& self, const std::vector<std::string>& classes) {
        node_as<OnnxDetector>(self, "an OnnxDetector").set_classes(classes);
      },
      nb::arg("node"), nb::arg("classes"), "Takes effect with the next frame.");
  module.def(
      "describe_onnx_detector",
      [](const NodeHandle& self) {
        return node_as<const OnnxDetector>(self, "an OnnxDetector").description();
      },
      nb::arg("node"));
}

namespace {

std::unique_ptr<NodeHandle> make_classifier(gil::Held& held, const Model& self,
                                            const OnnxClassifierOptions& options) {
  auto classifier = gil::release(
      held,
      [](const Model& model, const OnnxClassifierOptions& how) {
        return std::make_unique<OnnxClassifier>(model.get(), how);
      },
      self, options);
  return make_handle(std::move(classifier));
}

void bind_onnx_classifier(nb::module_& module) {
  using Options = OnnxClassifierOptions;
  nb::class_<Options>(module, "OnnxClassifierOptions", nb::is_final(),
                      "Options of OnnxClassifier, with their defaults.")
      .def(nb::init<>())
      .def_rw("column", &Options::column)
      .def_rw("names", &Options::names)
      .def_rw("size", &Options::size)
      .def_rw("center_crop", &Options::center_crop)
      .def_rw("antialias", &Options::antialias)
      .def(
          "set_crops",
          [](Options& self, std::vector<std::string> classes, float padding, std::string_view when) {
            using When = OnnxClassifierOptions::When;
            const auto of_tracks = when == "best" ? When::Best : When::Growing;
            self.classes = std::move(classes);
            self.padding = padding;
            self.when = when == "each" ? When::Each : of_tracks;
          },
          nb::arg("classes"), nb::arg("padding"), nb::arg("when"));
  module.def("make_onnx_classifier", gil::entry<&make_classifier>, nb::arg("model"), nb::arg("options"),
             "GIL: released");
}

}  // namespace

void bind_onnx_model(nb::module_& module) {
  nb::class_<Model>(module, "OnnxModel", "The native part of freshframe.OnnxModel.")
      .def_prop_ro("inputs", [](const Model& self) { return describe_tensors(self.session().inputs()); })
      .def_prop_ro("outputs", [](const Model& self) { return describe_tensors(self.session().outputs()); })
      .def_prop_ro("metadata", [](const Model& self) { return self.session().metadata(); })
      .def_prop_ro("producer", [](const Model& self) { return self.session().producer(); })
      .def_prop_ro("provider", [](const Model& self) { return self.session().provider(); })
      .def_prop_ro("threads", [](const Model& self) { return self.session().threads(); })
      .def("run", gil::entry<&run>, nb::arg("arrays"),
           nb::sig("def run(self, arrays: list[typing.Any]) -> list[typing.Any]"), "GIL: released")
      .def("placement", &compute_placement, nb::arg("width"), nb::arg("height"), nb::arg("size").none(),
           "(scale_x, scale_y, left, top): where an image of this size is placed in the model's input.")
      .def(
          "node",
          [](const Model& self, const Sides& size) { return make_handle(onnx_outputs(self.get(), size)); },
          nb::arg("size").none());
  module.def("load_onnx", gil::entry<&load>, nb::arg("library"), nb::arg("path"), nb::arg("threads"),
             nb::arg("provider"), nb::arg("provider_options"), "GIL: released");
  module.def("onnx_runtime", gil::entry<&describe_runtime>, nb::arg("library"),
             nb::sig("def onnx_runtime(library: str) -> tuple[str, list[str]]"),
             "Returns the version and the execution providers of ONNX Runtime. GIL: released");
  bind_onnx_classifier(module);
}

}  // namespace freshframe::python
