// Sessions of ONNX Runtime.
// SPDX-License-Identifier: Apache-2.0
#include "inference/runtime/session.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <utility>

#include "core/unit_text.hpp"
#include "core/utf8.hpp"
#include "platform/machine.hpp"

namespace freshframe::inference {

namespace {

/// Converts a float16 (IEEE 754 binary16) to float32, which is exact.
[[nodiscard]] inline float widen_half(std::uint16_t half) {
  constexpr std::uint32_t kFractionBits = 10;
  constexpr std::uint32_t kShift = 23 - kFractionBits;  // float32 has 23 fraction bits
  constexpr std::uint32_t kBias = 127 - 15;             // difference of the exponent biases
  const auto sign = static_cast<std::uint32_t>(half & 0x8000U) << 16U;
  const std::uint32_t exponent = (half >> kFractionBits) & 0x1FU;
  const std::uint32_t fraction = half & 0x3FFU;
  if (exponent == 0) {  // zero and subnormals, multiples of 2 ** -24
    const float size = std::ldexp(static_cast<float>(fraction), -24);
    return sign != 0 ? -size : size;
  }
  // Infinity and NaN have all exponent bits set.
  const std::uint32_t wide = exponent == 0x1FU ? 0xFFU : exponent + kBias;
  return std::bit_cast<float>(sign | wide << 23U | fraction << kShift);
}

using ort::Element;

struct ElementKind {
  Element element;
  std::string_view name;
  std::size_t bytes;
};
constexpr std::array kElements = {
    ElementKind{Element::Float, "float32", 4},   ElementKind{Element::Uint8, "uint8", 1},
    ElementKind{Element::Int8, "int8", 1},       ElementKind{Element::Uint16, "uint16", 2},
    ElementKind{Element::Int16, "int16", 2},     ElementKind{Element::Int32, "int32", 4},
    ElementKind{Element::Int64, "int64", 8},     ElementKind{Element::Bool, "bool", 1},
    ElementKind{Element::Float16, "float16", 2}, ElementKind{Element::Double, "float64", 8},
    ElementKind{Element::Uint32, "uint32", 4},   ElementKind{Element::Uint64, "uint64", 8}};

const ElementKind* get_kind(Element element) noexcept {
  const auto* const found = std::ranges::find(kElements, element, &ElementKind::element);
  return found == kElements.end() ? nullptr : found;
}

std::string explain_failure(const std::string& why) {
  const bool unreadable = why.find("Protobuf parsing failed") != std::string::npos;
  return unreadable ? why + " The file is corrupt or not an ONNX file" : why;
}

/// "tensorrt runs 5 of its 9 nodes, cuda runs 3 of them, the CPU runs the others: Hardmax".
std::string describe_share(const std::string& provider, const NodeShare& share) {
  auto text =
      provider + " runs " + std::to_string(share.taken) + " of its " + std::to_string(share.all) + " nodes";
  for (const auto& [name, count] : share.others)
    text += ", " + name + " runs " + std::to_string(count) + " of them";
  std::string left;
  for (const auto& kind : share.left) left += (left.empty() ? "" : ", ") + core::to_utf8(kind);
  return left.empty() ? text : text + ", the CPU runs the others: " + left;
}

/// Explains why a session whose provider would run none of the nodes is refused, and what to pass instead.
std::string describe_unused(const std::string& provider, const NodeShare& share) {
  std::string others;
  for (const auto& [name, count] : share.others) others += (others.empty() ? "" : " and ") + name;
  const auto instead = share.others.empty() ? "cpu" : share.others.begin()->first;
  if (!share.left.empty()) others += others.empty() ? "the CPU" : " and the CPU";
  return provider + " runs none of its " + std::to_string(share.all) + " nodes, so " + others +
         " would run them all; change provider_options, or pass provider=\"" + instead + "\"";
}

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw OptionError("cannot load the model '" + path + "': " + why);
}

/// Names the folder that a relative path was searched in.
std::string describe_missing(const std::string& path) {
  std::error_code failed;
  const auto folder = std::filesystem::absolute(path, failed).parent_path();
  if (failed || std::filesystem::path(path).is_absolute()) return "there is no such file";
  return "there is no such file in '" + folder.lexically_normal().string() + "'";
}

/// The name of a model format other than ONNX by its file suffix, and how to convert it to ONNX.
std::optional<std::string> way_from_other_format(const std::string& path) {
  struct Format {
    std::string_view suffix;
    std::string_view way;
  };
  constexpr std::string_view kPytorch =
      "it is a PyTorch file; export it to ONNX: `yolo export model=FILE format=onnx` for models of "
      "Ultralytics, torch.onnx.export() for others";
  constexpr std::string_view kTensorrt =
      "it is a TensorRT engine, which only TensorRT can run; use the .onnx file that it was made from, with "
      "provider=\"cuda\" for a GPU";
  constexpr std::array kFormats = {
      Format{".pt", kPytorch},
      Format{".pth", kPytorch},
      Format{".torchscript", kPytorch},
      Format{".engine", kTensorrt},
      Format{".trt", kTensorrt},
      Format{".tflite",
             "it is a TensorFlow Lite file; convert it to ONNX: `python -m tf2onnx.convert --tflite FILE "
             "--output model.onnx` (package tf2onnx)"},
      Format{".safetensors",
             "it contains weights, but no network; export the model to ONNX where it was trained"}};
  const auto suffix = std::filesystem::path(path).extension().string();
  const auto* const found = std::ranges::find(kFormats, suffix, &Format::suffix);
  if (found == kFormats.end()) return std::nullopt;
  return std::string(found->way);
}

// Copies a string that ONNX Runtime allocated, and frees it.
std::string take_text(const Runtime& runtime, ort::Allocator* allocator, char* text) {
  std::string result = text != nullptr ? text : "";
  if (text != nullptr) runtime.call(ort::AllocatorFree{}, allocator, static_cast<void*>(text));
  return result;
}

constexpr int kMostDimensions = 16;

void read_shape(const Runtime& runtime, const ort::TensorInfo* info, TensorInfo& to) {
  int element = 0;
  runtime.call(ort::GetTensorElementType{}, info, &element);
  to.element = static_cast<Element>(element);
  std::size_t count = 0;
  runtime.call(ort::GetDimensionsCount{}, info, &count);
  if (count > kMostDimensions)
    throw Error("'" + to.name + "' has " + std::to_string(count) + " axes, but at most " +
                std::to_string(kMostDimensions) + " are supported");
  to.shape.resize(count);
  std::vector<const char*> symbols(count);
  runtime.call(ort::GetDimensions{}, info, to.shape.data(), count);
  runtime.call(ort::GetSymbolicDimensions{}, info, symbols.data(), count);
  for (std::size_t i = 0; i < count; ++i) {
    to.symbols.push_back(symbols[i] != nullptr ? core::to_utf8(symbols[i]) : std::string());
    if (to.shape[i] < 0) to.shape[i] = -1;
  }
}

TensorInfo tensor_info(const Runtime& runtime, std::string name, ort::TypeInfo* type) {
  const Owned<ort::TypeInfo, ort::ReleaseTypeInfo> owned(runtime, type);
  TensorInfo result{.name = std::move(name)};
  int kind = 0;
  runtime.call(ort::GetOnnxTypeFromTypeInfo{}, type, &kind);
  if (kind != ort::kTypeTensor) return result;
  const ort::TensorInfo* info = nullptr;
  runtime.call(ort::CastTypeInfoToTensorInfo{}, type, &info);
  if (info != nullptr) read_shape(runtime, info, result);
  return result;
}

}  // namespace

int default_threads() {
  constexpr int kMostThreads = 4;  // small models gain little from more
  return std::min(kMostThreads, platform::usable_processors());
}

std::string_view element_name(Element element) noexcept {
  const auto* const kind = get_kind(element);
  return kind == nullptr ? std::string_view() : kind->name;
}

std::size_t element_bytes(Element element) noexcept {
  const auto* const kind = get_kind(element);
  return kind == nullptr ? 0 : kind->bytes;
}

std::string to_text(const TensorInfo& tensor) {
  std::string text = tensor.name + " [";
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
    if (i > 0) text += ", ";
    const bool named = i < tensor.symbols.size() && !tensor.symbols[i].empty();
    text += tensor.shape[i] >= 0 ? std::to_string(tensor.shape[i]) : named ? tensor.symbols[i] : "?";
  }
  return text + "]";
}

std::string to_text(std::span<const TensorInfo> tensors) {
  std::string text;
  for (const auto& tensor : tensors) text += (text.empty() ? "" : ", ") + to_text(tensor);
  return text.empty() ? "nothing" : text;
}

Tensor::Tensor(const Runtime& runtime, ort::Value* value, const std::string& name, const std::string& path)
    : value_(runtime, value) {
  int is_tensor = 0;
  runtime.call(ort::IsTensor{}, value, &is_tensor);
  if (is_tensor == 0)
    throw Error("the output '" + name + "' of '" + path + "' is a sequence or a map, not a tensor");
  Owned<ort::TensorInfo, ort::ReleaseTensorInfo> info(runtime);
  runtime.call(ort::GetTensorTypeAndShape{}, value, info.out());
  TensorInfo read;
  read_shape(runtime, info.get(), read);
  element_ = read.element;
  if (get_kind(element_) == nullptr) {
    throw Error("the output '" + name + "' of '" + path +
                "' has elements that a NumPy array of numbers cannot hold, such as strings");
  }
  shape_ = std::move(read.shape);
  count_ = 1;
  for (const auto size : shape_) count_ *= static_cast<std::size_t>(size);
  void* memory = nullptr;
  runtime.call(ort::GetTensorMutableData{}, value, &memory);
  data_ = memory;
}

void Tensor::widen() {
  if (element_ == Element::Float16) {
    const std::span halves(static_cast<const std::uint16_t*>(data_), count_);
    wide_.resize(count_);
    std::ranges::transform(halves, wide_.begin(), widen_half);
  } else if (element_ == Element::Double) {
    const std::span doubles(static_cast<const double*>(data_), count_);
    wide_.assign(doubles.begin(), doubles.end());
  }
}

std::span<const float> Tensor::floats() const {
  if (!wide_.empty()) return wide_;
  if (element_ != Element::Float) return {};
  return {static_cast<const float*>(data_), count_};
}

TensorMemory::TensorMemory(const Runtime& runtime, bool with_card)
    : runtime_(runtime), host_(runtime), card_(runtime) {
  runtime_.call(ort::CreateCpuMemoryInfo{}, ort::kArenaAllocator, ort::kDefaultMemory, host_.out());
  if (!with_card) return;
  runtime_.call(ort::CreateMemoryInfo{}, "Cuda", ort::kDeviceAllocator, kCudaCard, ort::kDefaultMemory,
                card_.out());
}

OwnedValue TensorMemory::wrap(const TensorView& view) const {
  OwnedValue value(runtime_);
  runtime_.call(ort::CreateTensorWithDataAsOrtValue{}, view.on_card ? card_.get() : host_.get(),
                const_cast<void*>(view.data), view.bytes, view.shape.data(), view.shape.size(),
                static_cast<int>(view.element), value.out());
  return value;
}

OwnedOptions make_options(const Runtime& runtime, int threads) {
  OwnedOptions options(runtime);
  runtime.call(ort::CreateSessionOptions{}, options.out());
  auto* const set = options.get();
  runtime.call(ort::SetIntraOpNumThreads{}, set, threads);
  runtime.call(ort::SetInterOpNumThreads{}, set, 1);
  runtime.call(ort::SetSessionExecutionMode{}, set, ort::kSequential);
  runtime.call(ort::SetSessionGraphOptimizationLevel{}, set, ort::kAllOptimizations);
  runtime.call(ort::SetSessionLogSeverityLevel{}, set, ort::kLogFatal);
  // No spinning: threads that wait for the next operator must leave the CPU to other nodes.
  runtime.call(ort::AddSessionConfigEntry{}, set, "session.intra_op.allow_spinning", "0");
  return options;
}

Session::Session(const std::string& library, const std::string& path, const SessionOptions& options)
    : runtime_(Runtime::load(library)),
      path_(path),
      files_(path),
      provider_options_(options.provider_options) {
  if (options.threads < 0 || options.threads > 256) {
    throw OptionError("threads must be 1 to 256, got " + std::to_string(options.threads));
  }
  std::error_code failed;
  const auto status = std::filesystem::status(path, failed);
  if (!std::filesystem::exists(status)) {
    const auto way = way_from_other_format(path);
    refuse(path, describe_missing(path) + (way ? ", and by its name " + *way : ""));
  }
  if (!std::filesystem::is_regular_file(status)) refuse(path, "it is not a file");
  if (std::filesystem::file_size(path, failed) == 0 || failed) refuse(path, "the file is empty");
  const int threads = options.threads == 0 ? default_threads() : options.threads;
  threads_ = read_threads(options.provider, provider_options_, options.threads).value_or(threads);
  open(options.provider);
  try {
    describe();
  } catch (const OptionError&) {
    throw;
  } catch (const Error& error) {
    refuse(path_, shorten_reason(error.what()));
  }
}

Session::Session(const Session& other, int threads)
    : runtime_(other.runtime_),
      path_(other.path_),
      files_(other.files_.path()),
      provider_options_(other.provider_options_),
      threads_(threads) {
  open(other.provider_);
  describe();
}

Session::~Session() = default;

void Session::open(const std::string& wanted) {
  const auto names = choose_providers(runtime_, wanted, provider_options_);
  for (const auto& name : names) {
    try {
      open_with(name);
      return;
    } catch (const OptionError& error) {
      refuse(path_, error.what());
    } catch (const Error& error) {
      const auto why = shorten_reason(error.what());
      if (name == names.back()) refuse(path_, way_from_other_format(path_).value_or(explain_failure(why)));
      log(LogLevel::Warning,
          "'" + path_ + "' does not run on " + name + ": " + why + "; trying the next provider");
    }
  }
  refuse(path_, "this ONNX Runtime has no provider that freshframe supports");
}

void Session::open_with(const std::string& provider) {
  const auto options = make_options(runtime_, threads_);
  append_provider(runtime_, options, provider, provider_options_, threads_);
  auto session = std::make_unique<OwnedSession>(runtime_);
  runtime_.call(ort::CreateSession{}, runtime_.env(), files_.path().c_str(), options.get(), session->out());
  if (provider != "cpu") check_nodes(provider, *session);
  const auto device = provider_options_.find("device_id");
  const bool is_first = device == provider_options_.end() || device->second == std::to_string(kCudaCard);
  memory_ = std::make_unique<TensorMemory>(runtime_, provider == "cuda" && is_first);
  session_ = std::move(session);
  provider_ = provider;
}

// ONNX Runtime runs the nodes that a provider does not take on other providers, without a report.
void Session::check_nodes(const std::string& provider, const OwnedSession& session) const {
  const auto share = count_nodes(runtime_, session.get(), provider);
  if (!share || share->taken == share->all) return;
  if (share->taken == 0) throw Error(describe_unused(provider, *share));
  const auto level = share->taken * 2 < share->all ? LogLevel::Warning : LogLevel::Info;
  log(level, shorten_reason("'" + path_ + "': " + describe_share(provider, *share)));
}

void Session::describe() {
  const auto* const session = session_->get();
  ort::Allocator* allocator = nullptr;  // owned by the library
  runtime_.call(ort::GetAllocatorWithDefaultOptions{}, &allocator);
  const auto read = [&](auto counting, auto naming, auto typing, std::vector<TensorInfo>& to) {
    std::size_t count = 0;
    runtime_.call(counting, session, &count);
    for (std::size_t i = 0; i < count; ++i) {
      char* name = nullptr;
      runtime_.call(naming, session, i, allocator, &name);
      ort::TypeInfo* type = nullptr;
      auto text = take_text(runtime_, allocator, name);
      if (!core::is_utf8(text)) {
        refuse(path_, "the name of an input or output must be UTF-8, got '" + core::to_utf8(text) +
                          "': the file is corrupt, or its exporter is faulty");
      }
      runtime_.call(typing, session, i, &type);
      to.push_back(tensor_info(runtime_, std::move(text), type));
    }
  };
  read(ort::SessionGetInputCount{}, ort::SessionGetInputName{}, ort::SessionGetInputTypeInfo{}, inputs_);
  read(ort::SessionGetOutputCount{}, ort::SessionGetOutputName{}, ort::SessionGetOutputTypeInfo{}, outputs_);
  if (inputs_.empty() || outputs_.empty()) {
    refuse(path_, "it must have inputs and outputs, but has inputs " + to_text(inputs_) + " and outputs " +
                      to_text(outputs_));
  }
  Owned<ort::Metadata, ort::ReleaseMetadata> metadata(runtime_);
  runtime_.call(ort::SessionGetModelMetadata{}, session, metadata.out());
  const auto* const book = metadata.get();
  char* text = nullptr;
  runtime_.call(ort::MetadataGetProducerName{}, book, allocator, &text);
  producer_ = core::to_utf8(take_text(runtime_, allocator, text));
  char** keys = nullptr;
  std::int64_t count = 0;
  runtime_.call(ort::MetadataGetKeys{}, book, allocator, &keys, &count);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto key = take_text(runtime_, allocator, keys[i]);
    text = nullptr;
    runtime_.call(ort::MetadataLookup{}, book, allocator, key.c_str(), &text);
    metadata_[core::to_utf8(key)] = core::to_utf8(take_text(runtime_, allocator, text));
  }
  if (keys != nullptr) runtime_.call(ort::AllocatorFree{}, allocator, static_cast<void*>(keys));
}

std::vector<Tensor> Session::run(std::span<const TensorView> given, const std::stop_token& stop) const {
  if (given.size() != inputs_.size()) {
    throw Error("'" + path_ + "' takes " + core::count_text(inputs_.size(), "input") + " (" +
                to_text(inputs_) + "), got " + std::to_string(given.size()));
  }
  if (stop.stop_requested()) return {};
  std::vector<OwnedValue> values;
  std::vector<const ort::Value*> in;
  std::vector<const char*> in_names;
  std::vector<const char*> out_names;
  values.reserve(given.size());
  for (std::size_t i = 0; i < given.size(); ++i) {
    values.push_back(memory_->wrap(given[i]));
    in.push_back(values.back().get());
    in_names.push_back(inputs_[i].name.c_str());
  }
  for (const auto& output : outputs_) out_names.push_back(output.name.c_str());
  Owned<ort::RunOptions, ort::ReleaseRunOptions> options(runtime_);
  runtime_.call(ort::CreateRunOptions{}, options.out());
  std::vector<ort::Value*> out(outputs_.size(), nullptr);
  ort::Status* status = nullptr;
  {
    const std::stop_callback ender(stop, [&]() noexcept {
      ort::Status* const failed = runtime_.plain(ort::RunOptionsSetTerminate{}, options.get());
      if (failed != nullptr) runtime_.plain(ort::ReleaseStatus{}, failed);
    });
    status = runtime_.plain(ort::Run{}, session_->get(), options.get(), in_names.data(), in.data(), in.size(),
                            out_names.data(), out_names.size(), out.data());
  }
  if (status != nullptr) {
    const auto why = runtime_.read_message(status);
    if (stop.stop_requested()) return {};
    throw Error("'" + path_ + "' failed: " + shorten_reason(why));
  }
  std::vector<Tensor> results;
  results.reserve(out.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    try {
      results.emplace_back(runtime_, out[i], outputs_[i].name, path_);
    } catch (...) {  // the object already has an owner
      for (std::size_t k = i + 1; k < out.size(); ++k) runtime_.plain(ort::ReleaseValue{}, out[k]);
      throw;
    }
  }
  return results;
}

}  // namespace freshframe::inference
