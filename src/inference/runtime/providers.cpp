// Names, options and nodes of execution providers.
// SPDX-License-Identifier: Apache-2.0
#include "inference/runtime/providers.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <ranges>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/ascii.hpp"

namespace freshframe::inference {
namespace {

/// What ONNX Runtime's list of providers does not say.
struct Known {
  std::string_view name;
  std::string_view appended = {};  // for AppendProvider; if empty, the listed name without its suffix
  // the option for the number of threads, if the provider has threads of its own
  std::string_view threads_option = {};
  std::string_view options = {};  // names of the known options for messages, separated by ", "
  bool is_checked_here = false;   // this code rejects unknown options, because ONNX Runtime ignores them
};
constexpr std::array kKnown = {
    Known{.name = "cpu", .is_checked_here = true},
    Known{.name = "cuda",
          .options = "device_id, gpu_mem_limit, arena_extend_strategy, cudnn_conv_algo_search, "
                     "cudnn_conv_use_max_workspace, cudnn_conv1d_pad_to_nc1d, do_copy_in_default_stream, "
                     "prefer_nhwc, use_tf32, fuse_conv_bias"},
    Known{.name = "tensorrt",
          .options = "device_id, trt_max_workspace_size, trt_fp16_enable, trt_int8_enable, "
                     "trt_engine_cache_enable, trt_engine_cache_path, trt_timing_cache_enable, "
                     "trt_timing_cache_path, trt_builder_optimization_level, trt_profile_min_shapes, "
                     "trt_profile_max_shapes, trt_profile_opt_shapes"},
    Known{.name = "openvino",
          .appended = "OpenVINO",
          .threads_option = "num_of_threads",
          .options = "device_type, precision, num_of_threads, num_streams, cache_dir, load_config, "
                     "model_priority, reshape_input, layout, disable_dynamic_shapes, enable_qdq_optimizer, "
                     "enable_opencl_throttling"},
    Known{.name = "xnnpack",
          .appended = "XNNPACK",
          .threads_option = "intra_op_num_threads",
          .options = "intra_op_num_threads",
          .is_checked_here = true},
    Known{.name = "coreml",
          .options = "ModelFormat, MLComputeUnits, RequireStaticInputShapes, EnableOnSubgraphs, "
                     "SpecializationStrategy, AllowLowPrecisionAccumulationOnGPU, ModelCacheDirectory"},
    Known{
        .name = "qnn",
        .options =
            "backend_type, backend_path, device_id, soc_model, htp_arch, htp_performance_mode, "
            "htp_graph_finalization_optimization_mode, enable_htp_fp16_precision, vtcm_mb, rpc_control_latency"},
    Known{.name = "azure", .appended = "AZURE", .is_checked_here = true},
    Known{.name = "dml", .appended = "DML"},
    Known{.name = "js", .appended = "JS"},
    Known{.name = "nvtensorrtrtx", .appended = "NvTensorRtRtx"},
    Known{.name = "webgpu", .appended = "WebGPU"},
    Known{.name = "webnn", .appended = "WEBNN"}};

constexpr std::array<std::string_view, 3> kAuto = {"cuda", "openvino", "cpu"};
constexpr std::string_view kSuffix = "ExecutionProvider";

Known find_known(const std::string& provider) {
  const auto* const found = std::ranges::find(kKnown, provider, &Known::name);
  return found == kKnown.end() ? Known{.name = provider} : *found;
}

std::string to_name(std::string_view given) {
  auto name = core::lower_case(given);
  const auto suffix = core::lower_case(kSuffix);
  if (name.ends_with(suffix)) name.resize(name.size() - suffix.size());
  return name;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

bool has(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

bool is_listed(std::string_view option, std::string_view options) {
  return std::ranges::any_of(std::views::split(options, std::string_view(", ")), [&](const auto& each) {
    return std::string_view(each.begin(), each.end()) == option;
  });
}

bool has_word(std::string_view text, std::string_view word) {
  const auto is_part = [](char letter) {
    const char small = core::lower_case(letter);
    return (small >= 'a' && small <= 'z') || core::is_digit(letter) || letter == '_';
  };
  for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const auto rest = text.substr(at + word.size());
    if ((at == 0 || !is_part(text[at - 1])) && (rest.empty() || !is_part(rest.front()))) return true;
  }
  return false;
}

/// Returns true if ONNX Runtime refused the option's name. kKnown does not list every option that exists.
bool is_unknown_by(std::string_view reason, std::string_view option) {
  const bool is_about_value = reason.find("Failed to parse") != std::string_view::npos;
  return !is_about_value && has_word(reason, option);
}

/// "openvino has no option 'x': its options are ..." if `is_refused` is true of a name that kKnown does not
/// list.
template <class IsRefused>
std::string describe_unknown(const Known& known, const ProviderOptions& options,
                             const IsRefused& is_refused) {
  const auto unknown = std::ranges::find_if(options, [&](const auto& option) {
    return !is_listed(option.first, known.options) && is_refused(option.first);
  });
  if (unknown == options.end()) return "";
  const auto none = std::string(known.name) + " has no option '" + unknown->first + "'";
  if (!known.options.empty()) return none + ": its options are " + std::string(known.options);
  return known.is_checked_here ? none + ": it has no options"
                               : none + ": see ONNX Runtime's documentation of this provider";
}

/// The log explains what the status does not: "Failed to load provider OpenVINO".
template <class Append>
void append_explained(const Known& known, const ProviderOptions& options, const Append& append) {
  const LoggedError logged;
  try {
    append();
  } catch (const Error& error) {
    const std::string reason = logged.text().empty() ? error.what() : logged.text();
    const auto why = shorten_reason(reason);
    if (options.empty()) throw Error(why);
    const auto unknown = describe_unknown(
        known, options, [&](const std::string& option) { return is_unknown_by(reason, option); });
    throw OptionError("provider_options: " + (unknown.empty() ? why : unknown + " (" + why + ")"));
  }
}

/// The names and values as the arrays that ONNX Runtime takes.
struct OptionArrays {
  explicit OptionArrays(const ProviderOptions& options) {
    for (const auto& [name, value] : options) {
      names.push_back(name.c_str());
      values.push_back(value.c_str());
    }
  }
  std::vector<const char*> names;
  std::vector<const char*> values;
};

// Functions for the providers that AppendProvider does not support.
struct CudaFunctions {
  using Options = Owned<ort::CudaOptions, ort::ReleaseCudaOptions>;
  ort::CreateCudaOptions create;
  ort::UpdateCudaOptions update;
  ort::AppendCuda append;
};
struct TensorrtFunctions {
  using Options = Owned<ort::TensorrtOptions, ort::ReleaseTensorrtOptions>;
  ort::CreateTensorrtOptions create;
  ort::UpdateTensorrtOptions update;
  ort::AppendTensorrt append;
};

template <class Functions>
void append_by(const Functions& functions, const Runtime& runtime, const OwnedOptions& to,
               const ProviderOptions& options) {
  typename Functions::Options own(runtime);
  runtime.call(functions.create, own.out());
  const OptionArrays given(options);
  if (!options.empty())
    runtime.call(functions.update, own.get(), given.names.data(), given.values.data(), options.size());
  runtime.call(functions.append, to.get(), own.get());
}

void append_tensorrt(const Runtime& runtime, const OwnedOptions& to, const ProviderOptions& options) {
  append_by(TensorrtFunctions(), runtime, to, options);
  if (!has(list_providers(runtime), "cuda")) return;
  // Nodes that TensorRT does not take stay on the same GPU.
  const auto device = options.find("device_id");
  append_cuda(runtime, to, device == options.end() ? ProviderOptions() : ProviderOptions{*device});
}

std::string find_appended(const Runtime& runtime, const Known& known) {
  if (!known.appended.empty()) return std::string(known.appended);
  for (const auto& listed : runtime.providers()) {
    if (to_name(listed) == known.name) return listed.substr(0, known.name.size());
  }
  return std::string(known.name);
}

void append_by_name(const Runtime& runtime, const OwnedOptions& to, const Known& known,
                    const ProviderOptions& options) {
  const OptionArrays given(options);
  runtime.call(ort::AppendProvider{}, to.get(), find_appended(runtime, known).c_str(), given.names.data(),
               given.values.data(), options.size());
}

std::vector<std::string> choose_automatically(const std::vector<std::string>& here,
                                              const ProviderOptions& options) {
  if (!options.empty()) {
    throw OptionError("provider_options need the name of their provider, one of " + joined(here) +
                      ", got provider='auto'");
  }
  std::vector<std::string> names;
  for (const auto each : kAuto) {
    if (has(here, each)) names.emplace_back(each);
  }
  return names;
}

}  // namespace

std::vector<std::string> list_providers(const Runtime& runtime) {
  std::vector<std::string> names;
  for (const auto& listed : runtime.providers()) names.push_back(to_name(listed));
  return names;
}

std::vector<std::string> choose_providers(const Runtime& runtime, const std::string& wanted,
                                          const ProviderOptions& options) {
  const auto here = list_providers(runtime);
  const auto name = to_name(wanted);
  if (name == "auto") return choose_automatically(here, options);
  if (!has(here, name)) {
    throw OptionError("provider must be one that this ONNX Runtime " + runtime.version() + " has (auto, " +
                      joined(here) + "), got '" + wanted + "'" +
                      (name == "cuda" ? "; for CUDA: pip install 'freshframe[onnx-cuda]'" : "") +
                      (name == "openvino" ? "; for OpenVINO: pip install onnxruntime-openvino instead" : ""));
  }
  const auto known = find_known(name);
  const auto unknown = describe_unknown(known, options, [&](const auto&) { return known.is_checked_here; });
  if (!unknown.empty()) throw OptionError("provider_options: " + unknown);
  return {name};
}

std::optional<int> read_threads(const std::string& wanted, const ProviderOptions& options, int threads) {
  constexpr int kMostThreads = 256;
  const auto name = to_name(wanted);
  const auto option = std::string(find_known(name).threads_option);
  const auto found = option.empty() ? options.end() : options.find(option);
  if (found == options.end()) return std::nullopt;
  if (threads != 0) {
    throw OptionError("threads= sets " + option + " of " + name + ": pass only one of the two");
  }
  const auto& text = found->second;
  int number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size() || number < 1 || number > kMostThreads)
    throw OptionError("provider_options: " + option + " must be 1 to 256, got '" + text + "'");
  return number;
}

void append_provider(const Runtime& runtime, const OwnedOptions& to, const std::string& provider,
                     const ProviderOptions& options, int threads) {
  if (provider == "cpu") return;
  // for count_nodes(); earlier versions ignore it
  runtime.call(ort::AddSessionConfigEntry{}, to.get(), "session.record_ep_graph_assignment_info", "1");
  const auto known = find_known(provider);
  append_explained(known, options, [&] {
    if (provider == "cuda") return append_cuda(runtime, to, options);
    if (provider == "tensorrt") return append_tensorrt(runtime, to, options);
    auto all = options;
    if (!known.threads_option.empty()) all[std::string(known.threads_option)] = std::to_string(threads);
    append_by_name(runtime, to, known, all);
  });
}

void append_cuda(const Runtime& runtime, const OwnedOptions& to, const ProviderOptions& options) {
  append_by(CudaFunctions(), runtime, to, options);
}

std::optional<NodeShare> count_nodes(const Runtime& runtime, const ort::Session* session,
                                     const std::string& provider) {
  if (!runtime.can_tell_nodes()) return std::nullopt;
  const ort::Subgraph* const* parts = nullptr;
  std::size_t count = 0;
  runtime.call(ort::GetGraphAssignment{}, session, &parts, &count);
  NodeShare share;
  for (const auto* const part : std::span(parts, count)) {
    const char* runner = nullptr;
    runtime.call(ort::SubgraphGetProvider{}, part, &runner);
    const auto name = to_name(runner);
    const ort::Node* const* nodes = nullptr;
    std::size_t size = 0;
    runtime.call(ort::SubgraphGetNodes{}, part, &nodes, &size);
    share.all += size;
    if (name != "cpu") {
      (name == provider ? share.taken : share.others[name]) += size;
      continue;
    }
    for (const auto* const node : std::span(nodes, size)) {
      const char* kind = nullptr;
      runtime.call(ort::NodeGetOperator{}, node, &kind);
      share.left.emplace(kind);
    }
  }
  return share;
}

}  // namespace freshframe::inference
