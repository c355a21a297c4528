// The preprocessing that a model's input needs.
// SPDX-License-Identifier: Apache-2.0
#include "inference/model/picture_input.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace freshframe::inference {
namespace {

constexpr int kLargestSide = 8192;

// For a model whose input is not an image.
[[noreturn]] void refuse(const Session& session, const std::string& why) {
  throw OptionError("the model '" + session.path() + "' does not take images: " + why + "; its inputs are " +
                    to_text(session.inputs()) + "; use ff.OnnxModel.run(), which takes arrays of any kind");
}

// For a model that takes images of another size, or several at a time.
[[noreturn]] void refuse_use(const Session& session, const std::string& why) {
  throw OptionError("cannot use the model '" + session.path() + "': " + why + "; its inputs are " +
                    to_text(session.inputs()));
}

// Parses "[640, 480]", which Ultralytics writes as height, width.
std::optional<Size> size_in(const std::string& text) {
  std::array<int, 2> numbers{};
  std::size_t found = 0;
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  while (at != end && found < numbers.size()) {
    const auto [next, error] = std::from_chars(at, end, numbers[found]);
    if (error == std::errc()) ++found;
    at = error == std::errc() ? next : at + 1;
  }
  if (found == 0) return std::nullopt;
  return Size{found == 2 ? numbers[1] : numbers[0], numbers[0]};
}

// The length of an axis from the file, or `given` if the file leaves it open.
int side(const Session& session, std::int64_t declared, std::optional<int> given, const char* what) {
  if (declared > 0 && given && *given != declared) {
    refuse_use(session, std::string("size= requests a ") + what + " of " + std::to_string(*given) +
                            ", but the file fixes it at " + std::to_string(declared) + ": leave size= out");
  }
  const auto length = declared > 0 ? declared : given.value_or(0);
  if (length < 1 || length > kLargestSide) {
    refuse_use(session, length == 0 ? "the file leaves its size open: pass size=(width, height)"
                                    : std::string("the ") + what + " of its input must be 1 to " +
                                          std::to_string(kLargestSide) + ", got " + std::to_string(length));
  }
  return static_cast<int>(length);
}

}  // namespace

InputForm picture_form(const Session& session, const std::optional<Size>& size) {
  if (session.inputs().size() != 1) refuse(session, "it must have one input");
  const auto& input = session.inputs().front();
  if (input.element != ort::Element::Float) {
    const auto name = element_name(input.element);
    refuse(session, "the input must be float32, but is " +
                        (name.empty() ? "of another type" : std::string(name)) +
                        ": export it with float32 inputs (its weights may have other types)");
  }
  auto shape = input.shape;
  if (shape.size() == 3)
    shape.insert(shape.begin(), 1);  // torchvision's detectors take an image, not a batch
  if (shape.size() != 4) refuse(session, "the input must have the axes batch, colour, height, width");
  const auto channels = shape[1];
  if (channels != 3 && channels != 1) {
    refuse(session, shape[3] == 3 ? "the colours must be the second axis (NCHW), but are the last one"
                                  : "the second axis must have 3 colours, or 1");
  }
  const auto told = session.metadata().find("imgsz");
  auto wanted = size;
  const bool is_open = shape[2] < 1 || shape[3] < 1;
  if (!wanted && is_open && told != session.metadata().end()) wanted = size_in(told->second);
  InputForm form;
  form.channels = static_cast<int>(channels);
  form.width = side(session, shape[3], wanted ? std::optional(wanted->first) : std::nullopt, "width");
  form.height = side(session, shape[2], wanted ? std::optional(wanted->second) : std::nullopt, "height");
  return form;
}

std::size_t count_pictures(const Session& session) {
  const auto& shape = session.inputs().front().shape;
  if (shape.size() != 4) return 1;
  return static_cast<std::size_t>(std::max<std::int64_t>(shape[0], 0));
}

void refuse_fixed_batch(const Session& session) {
  const auto count = count_pictures(session);
  if (count > 1) {
    refuse_use(session, "the file fixes its batch size at " + std::to_string(count) +
                            ": export it with a batch size of 1");
  }
}

std::vector<OutputView> view_tensors(std::span<const Tensor> tensors, std::size_t index, std::size_t count) {
  std::vector<OutputView> views;
  for (const auto& tensor : tensors) {
    const auto part = tensor.count() / count;
    OutputView view{.floats = tensor.floats(), .integers = {}, .shape = tensor.shape(), .pictures = count};
    if (!view.floats.empty()) view.floats = view.floats.subspan(index * part, part);
    if (tensor.element() == ort::Element::Int64) {
      view.integers = {static_cast<const std::int64_t*>(tensor.data()) + index * part, part};
    }
    views.push_back(view);
  }
  return views;
}

PictureRunner::PictureRunner(std::shared_ptr<const Session> session, const InputForm& form)
    : session_(std::move(session)),
      box_(form),
      fixed_(count_pictures(*session_)),
      tensor_(std::max<std::size_t>(fixed_, 1) * box_.floats()) {}

namespace {

std::vector<std::int64_t> find_shape(const Session& session, const InputForm& form, std::size_t count) {
  std::vector<std::int64_t> shape;
  if (session.inputs().front().shape.size() == 4) shape.push_back(static_cast<std::int64_t>(count));
  for (const int size : {form.channels, form.height, form.width}) shape.push_back(size);
  return shape;
}

// Returns what is wrong if an output does not have one row per image, otherwise an empty string.
std::string find_row_fault(const Session& session, std::span<const Tensor> outputs, std::size_t count) {
  for (std::size_t i = 0; i < outputs.size() && count > 1; ++i) {
    const auto shape = outputs[i].shape();
    if (!shape.empty() && shape[0] == static_cast<std::int64_t>(count)) continue;
    const TensorInfo found{.name = session.outputs()[i].name, .shape = {shape.begin(), shape.end()}};
    const auto images = std::to_string(count);
    return "'" + session.path() + "' returned the output " + to_text(found) + " for " + images +
           " images, but its first axis must be " + images +
           ": export the model with the batch as the first axis of its outputs, or with a batch size of 1";
  }
  return {};
}

}  // namespace

bool PictureRunner::reads_on_card(const GivenPicture& given) const {
  const auto* const picture = given.frame->on_device();
  return picture != nullptr && !has_given_up_card_ && session_->reads_card() &&
         CardLetterbox::takes(form(), *picture);
}

void PictureRunner::fill(std::span<const GivenPicture> given, PictureRun& result) {
  const auto floats = box_.floats();
  if (tensor_.size() != result.count * floats || barred_.size() != result.count) {
    tensor_.resize(result.count * floats);
    barred_.assign(result.count, {});
  }
  for (std::size_t i = 0; i < given.size(); ++i) {
    const auto& whole = *given[i].frame;
    const auto part = given[i].roi ? view_part(whole, *given[i].roi) : FramePart{whole};
    const auto other = form().channels == 1 ? PixelFormat::Gray : PixelFormat::Bgr;
    const auto frame = takes(form(), part.frame.format()) ? part.frame : part.frame.to(other);
    barred_[i] = box_.fill(frame.picture(), tensor_.data() + i * floats, barred_[i]);
    result.places.push_back(
        PicturePlace::whole(form(), barred_[i]).in_frame(part.x, part.y, whole.width(), whole.height()));
  }
}

namespace {

// Throws DeviceError if the GPU has failed.
void check_card(std::span<const GivenPicture> given) {
  for (const auto& each : given) each.frame->on_device()->memory->wait();
}

}  // namespace

// Returns false if it must be done on the CPU. Unused images of a fixed batch are not cleared, because their
// results are not read.
bool PictureRunner::fill_on_card(std::span<const GivenPicture> given, PictureRun& result) {
  try {
    if (!card_box_) card_box_ = std::make_unique<CardLetterbox>(session_->runtime(), form());
    card_box_->reserve(result.count);
    for (std::size_t i = 0; i < given.size(); ++i)
      result.places.push_back(card_box_->fill(*given[i].frame->on_device(), given[i].roi, i));
    card_failures_ = 0;
    return true;
  } catch (const DeviceError&) {  // the image is lost with its GPU
    throw;
  } catch (const OptionError&) {
    throw;
  } catch (const Error& error) {
    check_card(given);
    result.places.clear();
    note_card_failure(error);
    return false;
  }
}

// If GPU memory ran out after the graph was loaded, a later image may still succeed.
void PictureRunner::note_card_failure(const Error& error) {
  constexpr int kMostFailures = 3;
  has_given_up_card_ = !card_box_ || ++card_failures_ == kMostFailures;
  if (has_given_up_card_) card_box_.reset();
  if (std::exchange(is_card_failure_known_, true) && !has_given_up_card_) return;
  log(LogLevel::Warning,
      "'" + session_->path() + "' reads " + (has_given_up_card_ ? "its images" : "an image") +
          " in host memory, because the CUDA provider cannot scale " + (has_given_up_card_ ? "them" : "it") +
          " on the GPU: " + shorten_reason(error.what()));
}

PictureRun PictureRunner::run(std::span<const GivenPicture> given, const Context& context) {
  PictureRun result;
  result.count = fixed_ != 0 ? fixed_ : given.size();
  auto shape = find_shape(*session_, form(), result.count);
  const bool can_stay = std::ranges::all_of(given, [&](const auto& each) { return reads_on_card(each); });
  TensorView view;
  const bool stays = can_stay && fill_on_card(given, result);
  if (stays) {
    view = card_box_->view(result.count, std::move(shape));
  } else {
    fill(given, result);
    view = {.data = tensor_.data(), .bytes = tensor_.size() * sizeof(float), .shape = std::move(shape)};
  }
  const auto begun = context.clock.now();
  try {
    result.outputs = session_->run({&view, 1}, context.stop);
    const auto fault = find_row_fault(*session_, result.outputs, result.count);
    if (!fault.empty()) throw Error(fault);
  } catch (const Error&) {
    if (stays) check_card(given);
    throw;
  }
  result.seconds = Seconds(context.clock.now() - begun).count();
  return result;
}

PictureRun PictureRunner::run(const GivenPicture& given, const Context& context) {
  return run(std::span(&given, 1), context);
}

PictureRun empty_run(const Session& session, const InputForm& form) {
  const Letterbox box(form);
  PictureRun run;
  run.count = std::max<std::size_t>(count_pictures(session), 1);
  run.places.assign(run.count, PicturePlace::whole(form, place(form.width, form.height, form)));
  const std::vector<float> grey(run.count * box.floats(), 0.5F);
  const TensorView view{.data = grey.data(),
                        .bytes = grey.size() * sizeof(float),
                        .shape = find_shape(session, form, run.count)};
  try {
    run.outputs = session.run({&view, 1}, {});
  } catch (const OptionError&) {
    throw;
  } catch (const Error& error) {
    throw OptionError("cannot use this model for images: " + std::string(error.what()) + "; its inputs are " +
                      to_text(session.inputs()));
  }
  const auto fault = find_row_fault(session, run.outputs, run.count);
  if (!fault.empty()) throw OptionError(fault);
  return run;
}

ModelFacts collect_facts(const Session& session, const InputForm& form, const PictureRun& run) {
  ModelFacts facts{.path = session.path(), .width = form.width, .height = form.height};
  facts.outputs = session.outputs();
  facts.metadata = session.metadata();
  for (std::size_t i = 0; i < run.outputs.size(); ++i) {
    const auto shape = run.outputs[i].shape();
    facts.outputs[i].shape.assign(shape.begin(), shape.end());
    facts.outputs[i].symbols.assign(shape.size(), "");
    facts.outputs[i].element = run.outputs[i].element();
    if (run.count > 1) facts.outputs[i].shape[0] = 1;
  }
  return facts;
}

}  // namespace freshframe::inference
