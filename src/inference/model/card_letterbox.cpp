// Fills tensors on the GPU with a graph of ONNX Runtime operators. The model file of the graph is written
// here, with the fields of onnx.proto.
// SPDX-License-Identifier: Apache-2.0
#include "inference/model/card_letterbox.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "core/frame/color_matrix.hpp"

namespace freshframe::inference {
namespace {

/// The graph's inputs in order. N is the number of channels of the tensor.
inline constexpr const char* kLuma = "luma";                 // uint8 [rows, stride]
inline constexpr const char* kChroma = "chroma";             // uint8 [rows, stride / 2, 2]
inline constexpr const char* kLumaWidth = "luma_width";      // int64 [1], samples per row
inline constexpr const char* kChromaWidth = "chroma_width";  // int64 [1]
inline constexpr const char* kLumaSize = "luma_size";        // int64 [4]: 1, 1, scaled height, scaled width
inline constexpr const char* kChromaScale =
    "chroma_scale";  // float [4]: 1, 1, scaled pixels per sample vertically, horizontally
inline constexpr const char* kScaledEnd = "scaled_end";  // int64 [2]: scaled height and width
inline constexpr const char* kBars = "bars";             // int64 [8], the pads of ONNX's Pad operator
// Float [1, N, 1, 1]: level = Y * y_weight + U * u_weight + V * v_weight + offset, output = (level - zero) /
// span.
inline constexpr std::array kColourInputs = {"y_weight", "u_weight", "v_weight", "offset", "zero", "span"};
inline constexpr const char* kTensor = "tensor";  // the output: float [1, N, height, width]

/// A protocol buffer message. Field numbers are those of onnx.proto.
class Message {
 public:
  Message& number(unsigned field, std::uint64_t value) {
    varint(std::uint64_t{field} << kWireBits);
    varint(value);
    return *this;
  }
  Message& bytes(unsigned field, std::string_view value) {
    constexpr unsigned kLengthDelimited = 2;
    varint(std::uint64_t{field} << kWireBits | kLengthDelimited);
    varint(value.size());
    bytes_ += value;
    return *this;
  }
  Message& message(unsigned field, const Message& value) { return bytes(field, value.bytes_); }
  [[nodiscard]] const std::string& text() const noexcept { return bytes_; }

 private:
  static constexpr unsigned kWireBits = 3;

  void varint(std::uint64_t value) {
    constexpr std::uint64_t kLow = 0x7F;
    constexpr std::uint64_t kMore = 0x80;
    constexpr unsigned kBits = 7;
    for (; value > kLow; value >>= kBits) bytes_ += static_cast<char>((value & kLow) | kMore);
    bytes_ += static_cast<char>(value);
  }

  std::string bytes_;
};

// TensorProto.DataType and AttributeProto.AttributeType.
constexpr std::uint64_t kFloat = 1;
constexpr std::uint64_t kUint8 = 2;
constexpr std::uint64_t kInt64 = 7;
constexpr std::uint64_t kIsInt = 2;
constexpr std::uint64_t kIsString = 3;
constexpr std::uint64_t kIsInts = 7;

Message make_attribute(std::string_view name, std::uint64_t type) {
  Message attribute;
  attribute.bytes(1, name).number(20, type);
  return attribute;
}

/// NodeProto. An empty input name omits an optional input.
Message make_node(std::string_view kind, std::initializer_list<std::string_view> inputs,
                  std::string_view output, std::initializer_list<Message> attributes = {}) {
  Message node;
  for (const auto input : inputs) node.bytes(1, input);
  node.bytes(2, output).bytes(4, kind);
  for (const auto& attribute : attributes) node.message(5, attribute);
  return node;
}

/// ValueInfoProto of a tensor with these axis names. A name that is a number is a fixed length.
Message make_value(std::string_view name, std::uint64_t element,
                   std::initializer_list<std::string_view> axes) {
  Message shape;
  for (const auto axis : axes) {
    Message dimension;
    const bool is_number = axis.front() >= '0' && axis.front() <= '9';
    if (is_number) {
      dimension.number(1, static_cast<std::uint64_t>(axis.front() - '0'));
    } else {
      dimension.bytes(2, axis);
    }
    shape.message(1, dimension);
  }
  Message tensor;
  tensor.number(1, element).message(2, shape);
  Message type;
  type.message(1, tensor);
  Message value;
  value.bytes(1, name).message(2, type);
  return value;
}

/// Encodes a TensorProto with a scalar or a list.
template <class Number>
Message make_constant(std::string_view name, std::uint64_t element, std::span<const Number> values,
                      bool is_scalar) {
  std::string raw(values.size_bytes(), '\0');
  std::memcpy(raw.data(), values.data(), raw.size());  // little-endian, as onnx.proto requires
  Message tensor;
  if (!is_scalar) tensor.number(1, values.size());
  tensor.number(2, element).bytes(8, name).bytes(9, raw);
  return tensor;
}
Message make_list(std::string_view name, const std::vector<std::int64_t>& values) {
  return make_constant<std::int64_t>(name, kInt64, values, false);
}
Message make_scalar(std::string_view name, float value) {
  return make_constant<float>(name, kFloat, {&value, 1}, true);
}

void add_nodes(Message& graph) {
  auto swap = make_attribute("perm", kIsInts);
  for (const std::uint64_t axis : {2, 0, 1}) swap.number(8, axis);
  const auto to_float = make_attribute("to", kIsInt).number(3, kFloat);
  const auto linear = make_attribute("mode", kIsString).bytes(4, "linear");
  const auto centres = make_attribute("coordinate_transformation_mode", kIsString).bytes(4, "half_pixel");
  const auto constant = make_attribute("mode", kIsString).bytes(4, "constant");
  const auto edge = make_attribute("mode", kIsString).bytes(4, "edge");
  const auto add = [&](const Message& node) { graph.message(1, node); };
  // Removes the padding between the rows.
  add(make_node("Slice", {kLuma, "list_0", kLumaWidth, "list_1"}, "y_rows"));
  add(make_node("Slice", {kChroma, "list_0", kChromaWidth, "list_1"}, "uv_rows"));
  add(make_node("Cast", {"y_rows"}, "y_floats", {to_float}));
  add(make_node("Cast", {"uv_rows"}, "uv_floats", {to_float}));
  add(make_node("Unsqueeze", {"y_floats", "list_0_1"}, "y_picture"));
  add(make_node("Transpose", {"uv_floats"}, "uv_planes", {swap}));
  add(make_node("Unsqueeze", {"uv_planes", "list_0"}, "uv_picture"));
  add(make_node("Resize", {"y_picture", "", "", kLumaSize}, "y", {linear, centres}));
  // For an odd number of pixels the chroma plane is larger than the image. One more sample lets the scaled
  // plane cover all of it.
  add(make_node("Pad", {"uv_picture", "one_more"}, "uv_longer", {edge}));
  add(make_node("Resize", {"uv_longer", "", kChromaScale}, "uv_scaled", {linear, centres}));
  add(make_node("Slice", {"uv_scaled", "list_0_0", kScaledEnd, "list_2_3"}, "uv"));
  add(make_node("Slice", {"uv", "list_0", "list_1", "list_1"}, "u"));
  add(make_node("Slice", {"uv", "list_1", "list_2", "list_1"}, "v"));
  // No MatMul or Conv: their GPU libraries plan again for each size, and may round factors to 10 bits.
  add(make_node("Mul", {"y", kColourInputs[0]}, "of_y"));
  add(make_node("Mul", {"u", kColourInputs[1]}, "of_u"));
  add(make_node("Mul", {"v", kColourInputs[2]}, "of_v"));
  add(make_node("Add", {"of_y", "of_u"}, "of_yu"));
  add(make_node("Add", {"of_yu", "of_v"}, "of_yuv"));
  add(make_node("Add", {"of_yuv", kColourInputs[3]}, "colours"));
  // Rounds levels to integers, half up.
  add(make_node("Clip", {"colours", "lowest", "highest"}, "within"));
  add(make_node("Add", {"within", "half"}, "raised"));
  add(make_node("Floor", {"raised"}, "levels"));
  add(make_node("Pad", {"levels", kBars, "bar"}, "barred", {constant}));
  add(make_node("Sub", {"barred", kColourInputs[4]}, "centred"));
  add(make_node("Div", {"centred", kColourInputs[5]}, kTensor));
}

/// Writes the model file, which computes what Letterbox does for NV12 images. Uses operators of opset 13,
/// which ONNX Runtime's CUDA provider supports since 1.7.
std::string write_letterbox_graph() {
  Message graph;
  add_nodes(graph);
  graph.bytes(2, "letterbox");
  constexpr float kHighest = 255;
  constexpr float kHalf = 0.5F;
  for (const auto& constant :
       {make_list("list_0", {0}), make_list("list_1", {1}), make_list("list_2", {2}),
        make_list("list_0_1", {0, 1}), make_list("list_0_0", {0, 0}), make_list("list_2_3", {2, 3}),
        make_list("one_more", {0, 0, 0, 0, 0, 0, 1, 1}), make_scalar("lowest", 0),
        make_scalar("highest", kHighest), make_scalar("half", kHalf), make_scalar("bar", kBar)}) {
    graph.message(5, constant);
  }
  for (const auto& input : {make_value(kLuma, kUint8, {"rows", "pitch"}),
                            make_value(kChroma, kUint8, {"chroma_rows", "chroma_pitch", "2"}),
                            make_value(kLumaWidth, kInt64, {"1"}), make_value(kChromaWidth, kInt64, {"1"}),
                            make_value(kLumaSize, kInt64, {"4"}), make_value(kChromaScale, kFloat, {"4"}),
                            make_value(kScaledEnd, kInt64, {"2"}), make_value(kBars, kInt64, {"8"})}) {
    graph.message(11, input);
  }
  for (const auto* const name : kColourInputs)
    graph.message(11, make_value(name, kFloat, {"1", "channels", "1", "1"}));
  graph.message(12, make_value(kTensor, kFloat, {"1", "channels", "height", "width"}));
  constexpr std::uint64_t kIrVersion = 7;  // of ONNX 1.8, the first version with opset 13
  constexpr std::uint64_t kOpset = 13;
  Message operators;
  operators.bytes(1, "").number(2, kOpset);
  Message model;
  model.number(1, kIrVersion).bytes(2, "freshframe").message(7, graph).message(8, operators);
  return model.text();
}

constexpr float kNoColour = 128;  // chroma of grey

const void* as_pointer(std::uintptr_t address) {
  return reinterpret_cast<const void*>(address);  // NOLINT(performance-no-int-to-ptr): of a card's memory
}

// Rows are passed including their padding, which the graph removes.
TensorView view_plane(const DevicePlane& plane, int rows, int bytes_per_sample) {
  TensorView view{.data = as_pointer(plane.address),
                  .bytes = static_cast<std::size_t>(plane.stride) * static_cast<std::size_t>(rows),
                  .element = ort::Element::Uint8,
                  .shape = {rows, plane.stride / bytes_per_sample},
                  .on_card = true};
  if (bytes_per_sample > 1) view.shape.push_back(bytes_per_sample);
  return view;
}

}  // namespace

CardLetterbox::CardLetterbox(const Runtime& runtime, const InputForm& form)
    : runtime_(runtime), form_(form), memory_(runtime, true), session_(runtime), allocator_(runtime) {
  const auto options = make_options(runtime, 1);
  // Otherwise operators that the provider does not have would silently run on the CPU, with copies of the
  // planes.
  runtime.call(ort::AddSessionConfigEntry{}, options.get(), "session.disable_cpu_ep_fallback", "1");
  append_cuda(runtime, options);
  const auto graph = write_letterbox_graph();
  runtime.call(ort::CreateSessionFromArray{}, runtime.env(), static_cast<const void*>(graph.data()),
               graph.size(), options.get(), session_.out());
  runtime.call(ort::CreateAllocator{}, session_.get(), memory_.card(), allocator_.out());
}

CardLetterbox::~CardLetterbox() = default;

bool CardLetterbox::takes(const InputForm& form, const DevicePicture& picture) {
  return picture.card == kCudaCard && picture.format.format == PixelFormat::Nv12 && !form.antialias &&
         form.fit != Fit::Cover &&
         std::ranges::all_of(picture.planes, [](const auto& plane) { return plane.stride % 2 == 0; });
}

std::size_t CardLetterbox::floats() const noexcept {
  return static_cast<std::size_t>(form_.channels) * static_cast<std::size_t>(form_.height) *
         static_cast<std::size_t>(form_.width);
}

void CardLetterbox::reserve(std::size_t count) {
  if (count <= room_) return;
  room_ = 0;
  tensor_.reset();  // before the new allocation, because GPU memory is scarce
  OwnedValue made(runtime_);
  const std::array<std::int64_t, 4> shape = {static_cast<std::int64_t>(count), form_.channels, form_.height,
                                             form_.width};
  runtime_.call(ort::CreateTensorAsOrtValue{}, allocator_.get(), shape.data(), shape.size(),
                static_cast<int>(ort::Element::Float), made.out());
  void* data = nullptr;
  runtime_.call(ort::GetTensorMutableData{}, made.get(), &data);
  data_ = static_cast<float*>(data);
  tensor_.emplace(std::move(made));
  room_ = count;
}

TensorView CardLetterbox::view(std::size_t count, std::vector<std::int64_t> shape) const {
  return {
      .data = data_, .bytes = count * floats() * sizeof(float), .shape = std::move(shape), .on_card = true};
}

CardLetterbox::Part CardLetterbox::find_part(const DevicePicture& picture, const std::optional<Region>& roi) {
  Part part{.format = picture.format, .luma = picture.planes[0], .chroma = picture.planes[1]};
  if (!roi) return part;
  check_region(*roi, picture.format.width, picture.format.height);
  part.x = roi->x0 / 2 * 2;  // even, as in view_part(): two pixels share a chroma sample
  part.y = roi->y0 / 2 * 2;
  part.format.width = roi->x1 - part.x;
  part.format.height = roi->y1 - part.y;
  part.format.space = core::choose_matrix(picture.format);  // depends on the height of the whole image
  const auto column = static_cast<std::uintptr_t>(part.x);
  const auto row = static_cast<std::uintptr_t>(part.y);
  part.luma.address += row * static_cast<std::uintptr_t>(part.luma.stride) + column;
  part.chroma.address += row / 2 * static_cast<std::uintptr_t>(part.chroma.stride) + column;
  return part;
}

void CardLetterbox::set_colours(const PictureFormat& format) {
  const auto how = choose_colours(format, form_);
  // The weights of Y, U and V for red, green and blue.
  const std::array<std::array<float, 3>, 3> weights = {
      {{how.luma, 0, how.v_to_r}, {how.luma, -how.u_to_g, -how.v_to_g}, {how.luma, how.u_to_b, 0}}};
  for (auto& each : numbers_.colours) each.clear();
  for (int i = 0; i < form_.channels; ++i) {
    const auto colour = static_cast<std::size_t>(form_.blue_first ? 2 - i : i);
    const auto row = form_.channels == 1 ? std::array<float, 3>{how.luma, 0, 0} : weights[colour];
    const std::array<float, kColourInputs.size()> values = {
        row[0],
        row[1],
        row[2],
        -how.black * row[0] - kNoColour * (row[1] + row[2]),
        how.scale[colour].zero,
        how.scale[colour].span};
    for (std::size_t k = 0; k < values.size(); ++k) numbers_.colours[k].push_back(values[k]);
  }
}

void CardLetterbox::prepare(const PictureFormat& format) {
  if (format == format_) return;
  format_ = {};  // in case updating the inputs fails
  binding_.reset();
  placement_ = place(format.width, format.height, form_);
  numbers_.luma_width = {format.width};
  numbers_.chroma_width = {(format.width + 1) / 2};
  numbers_.luma_size = {1, 1, placement_.height, placement_.width};
  numbers_.chroma_scale = {1, 1, static_cast<float>(2 * placement_.scale_y),
                           static_cast<float>(2 * placement_.scale_x)};
  numbers_.scaled_end = {placement_.height, placement_.width};
  numbers_.bars = {0,
                   0,
                   placement_.top,
                   placement_.left,
                   0,
                   0,
                   form_.height - placement_.top - placement_.height,
                   form_.width - placement_.left - placement_.width};
  set_colours(format);
  bind_numbers();
  format_ = format;
}

// Constants are copied to the GPU here, once per image format.
void CardLetterbox::bind_numbers() {
  Owned<ort::IoBinding, ort::ReleaseIoBinding> binding(runtime_);
  runtime_.call(ort::CreateIoBinding{}, session_.get(), binding.out());
  const auto bind = [&](const char* name, const TensorView& view) {
    numbers_.values.push_back(memory_.wrap(view));
    runtime_.call(ort::BindInput{}, binding.get(), name, numbers_.values.back().get());
  };
  const auto bind_list = [&](const char* name, std::span<const std::int64_t> numbers) {
    bind(name, {.data = numbers.data(),
                .bytes = numbers.size_bytes(),
                .element = ort::Element::Int64,
                .shape = {static_cast<std::int64_t>(numbers.size())}});
  };
  const auto bind_floats = [&](const char* name, std::span<const float> numbers,
                               const std::vector<std::int64_t>& shape) {
    bind(name, {.data = numbers.data(), .bytes = numbers.size_bytes(), .shape = shape});
  };
  numbers_.values.clear();
  bind_list(kLumaWidth, numbers_.luma_width);
  bind_list(kChromaWidth, numbers_.chroma_width);
  bind_list(kLumaSize, numbers_.luma_size);
  bind_floats(kChromaScale, numbers_.chroma_scale, {4});
  bind_list(kScaledEnd, numbers_.scaled_end);
  bind_list(kBars, numbers_.bars);
  static_assert(std::tuple_size_v<decltype(numbers_.colours)> == kColourInputs.size());
  for (std::size_t i = 0; i < kColourInputs.size(); ++i)
    bind_floats(kColourInputs[i], numbers_.colours[i], {1, form_.channels, 1, 1});
  binding_.emplace(std::move(binding));
}

PicturePlace CardLetterbox::fill(const DevicePicture& picture, const std::optional<Region>& roi,
                                 std::size_t index) {
  const auto part = find_part(picture, roi);
  prepare(part.format);
  picture.memory->wait();
  run(part, index);
  return PicturePlace::whole(form_, placement_)
      .in_frame(part.x, part.y, picture.format.width, picture.format.height);
}

// Returns after the GPU has read the planes, because the provider synchronizes its stream at the end of a
// run.
void CardLetterbox::run(const Part& part, std::size_t index) {
  const auto luma = memory_.wrap(view_plane(part.luma, part.format.height, 1));
  const auto chroma = memory_.wrap(view_plane(part.chroma, (part.format.height + 1) / 2, 2));
  auto room = view(1, {1, form_.channels, form_.height, form_.width});
  room.data = data_ + index * floats();
  const auto tensor = memory_.wrap(room);
  auto* const binding = binding_->get();
  runtime_.call(ort::BindInput{}, binding, kLuma, luma.get());
  runtime_.call(ort::BindInput{}, binding, kChroma, chroma.get());
  runtime_.call(ort::BindOutput{}, binding, kTensor, tensor.get());
  Owned<ort::RunOptions, ort::ReleaseRunOptions> options(runtime_);
  runtime_.call(ort::CreateRunOptions{}, options.out());
  runtime_.call(ort::RunWithBinding{}, session_.get(), options.get(), binding);
}

}  // namespace freshframe::inference
