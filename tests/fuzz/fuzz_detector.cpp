// Fuzzes what a detector makes of a model's outputs and metadata, and of pictures of any size and format.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/frame.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "fuzz_input.hpp"
#include "inference/boxes/in_picture.hpp"
#include "inference/boxes/recognise.hpp"
#include "inference/picture/letterbox.hpp"

namespace {

using namespace freshframe;
using namespace freshframe::inference;
using fuzz::Input;
using fuzz::require;

constexpr int kSide = 64;
constexpr std::size_t kMostNumbers = 1 << 16;

struct Given {
  std::string name;
  std::vector<std::int64_t> shape;
  std::vector<float> numbers;
  std::vector<std::int64_t> integers;
};

std::string text_of(Input& input, int most) {
  std::string text;
  for (int left = input.below(most); left > 0; --left) text += static_cast<char>(input.byte());
  return text;
}

Given output_of(Input& input) {
  constexpr std::array kNames = {"output0",    "boxes",  "scores", "labels", "dets",
                                 "pred_boxes", "logits", "masks",  "x"};
  Given output;
  output.name = kNames[input.byte() % kNames.size()];
  std::size_t count = 1;
  for (int axes = input.byte() % 5; axes > 0; --axes) {
    constexpr std::array kSizes = {0, 1, 2, 4, 5, 6, 7, 56, 64, 84, 85, 252, 300};
    const auto size = static_cast<std::size_t>(kSizes[input.byte() % kSizes.size()]);
    if (count * size > kMostNumbers) break;
    count *= size;
    output.shape.push_back(static_cast<std::int64_t>(size));
  }
  const bool whole = input.byte() % 8 == 0;
  const bool any = input.byte() % 4 == 0;
  if (whole) {
    output.integers.resize(count);
    for (auto& number : output.integers) number = input.any<std::int8_t>();
    return output;
  }
  output.numbers.resize(count);
  for (auto& number : output.numbers) {
    if (input.empty()) break;
    number = any ? input.any<float>() : static_cast<float>(input.byte()) / 4;
  }
  return output;
}

ModelFacts facts_of(Input& input, const std::vector<Given>& outputs) {
  ModelFacts facts{.path = "fuzzed", .width = kSide, .height = kSide};
  for (const auto& output : outputs) {
    facts.outputs.push_back(
        {output.name, ort::Element::Float, output.shape, std::vector<std::string>(output.shape.size())});
  }
  facts.metadata["names"] = input.byte() % 2 == 0 ? text_of(input, 40) : "{0: 'a', 1: 'b'}";
  if (input.byte() % 4 == 0) facts.metadata["head"] = "RTDETRDecoder";
  if (input.byte() % 4 == 0) facts.metadata["end2end"] = "True";
  if (input.byte() % 4 == 0) facts.metadata["task"] = input.byte() % 2 == 0 ? "segment" : "obb";
  if (input.byte() % 2 == 0) facts.layout = static_cast<Layout>(input.byte() % 9);
  return facts;
}

void check(const std::vector<Detection>& boxes, const Placement& where) {
  require(boxes.size() <= 300);
  float before = 1;
  for (const auto& box : boxes) {
    require(box.x1 >= 0 && box.y1 >= 0 && box.x2 > box.x1 && box.y2 > box.y1);
    require(box.x2 <= static_cast<float>(where.picture_width) &&
            box.y2 <= static_cast<float>(where.picture_height));
    require(box.confidence <= before && box.class_id >= 0);
    before = box.confidence;
  }
}

void letterbox(Input& input) {
  PictureFormat format{.width = 1 + input.below(200), .height = 1 + input.below(200)};
  format.format = static_cast<PixelFormat>(input.byte() % kPixelFormats);
  format.range = input.byte() % 2 == 0 ? ColorRange::Full : ColorRange::Limited;
  FrameBuilder builder(format);
  for (int plane = 0; plane < format.plane_count(); ++plane) {
    const auto shape = format.plane_shape(plane);
    for (int y = 0; y < shape.rows; ++y) {
      for (int x = 0; x < shape.row_bytes; ++x)
        builder.plane(plane)[y * builder.stride(plane) + x] = input.byte();
    }
  }
  InputForm form{.width = 1 + input.below(90), .height = 1 + input.below(90)};
  const bool is_packed = format.format == PixelFormat::Bgr || format.format == PixelFormat::Rgb;
  if (!is_packed && input.byte() % 4 == 0) form.channels = 1;
  form.fit = input.byte() % 2 == 0 ? Fit::Stretch : Fit::Bars;
  Letterbox box(form);
  std::vector<float> tensor(box.floats());
  const auto frame = std::move(builder).publish();
  box.fill(frame.picture(), tensor.data());
  for (const float number : tensor) require(number >= -0.001F && number <= 1.001F);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  if (input.byte() % 4 == 0) {
    letterbox(input);
    return 0;
  }
  std::vector<Given> outputs(1 + input.byte() % 3U);
  for (auto& output : outputs) output = output_of(input);
  try {
    const auto how = recognise(facts_of(input, outputs));
    const InputForm form{.width = kSide, .height = kSide};
    const auto where = place(1 + input.below(3000), 1 + input.below(3000), form);
    std::vector<OutputView> views;
    for (const auto& output : outputs) views.push_back({output.numbers, output.integers, output.shape});
    const DecodeOptions options{.confidence = static_cast<float>(input.byte()) / 255};
    check(decoded_in_picture(how, views, PicturePlace::whole(form, where), options).boxes, where);
  } catch (const Error&) {  // a refusal
  }
  return 0;
}
