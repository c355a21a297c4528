// ONNX Runtime's execution providers: their names, their options, and the nodes of a graph that they run.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "inference/runtime/runtime.hpp"

namespace freshframe::inference {

/// Options of a provider by ONNX Runtime's names for them.
using ProviderOptions = std::map<std::string, std::string>;

using OwnedOptions = Owned<ort::SessionOptions, ort::ReleaseSessionOptions>;

/// The runtime's providers, in its order. A provider's name is ONNX Runtime's in lower case and without the
/// suffix: "openvino" for "OpenVINOExecutionProvider".
[[nodiscard]] std::vector<std::string> list_providers(const Runtime& runtime);

/// The names of the providers to try, in order: several for "auto". Takes either form of a name, in upper or
/// lower case. Throws OptionError, with the names that the runtime has, for another name, and for options
/// that cannot apply.
[[nodiscard]] std::vector<std::string> choose_providers(const Runtime& runtime, const std::string& wanted,
                                                        const ProviderOptions& options);

/// The number of threads per run that `options` set, if the provider has an option for it. Throws OptionError
/// for an invalid number, and if the caller also passed `threads` (which is then not 0).
[[nodiscard]] std::optional<int> read_threads(const std::string& wanted, const ProviderOptions& options,
                                              int threads);

/// Adds a provider of list_providers() to the options of a session. A provider with threads of its own gets
/// `threads`. Throws OptionError if the provider refuses an option, and Error for any other failure.
void append_provider(const Runtime& runtime, const OwnedOptions& to, const std::string& provider,
                     const ProviderOptions& options, int threads);
void append_cuda(const Runtime& runtime, const OwnedOptions& to, const ProviderOptions& options = {});

/// How a session divided the graph's nodes among a provider, and the providers and CPU that run the rest.
struct NodeShare {
  std::size_t taken = 0;  // nodes that the provider runs
  std::size_t all = 0;    // nodes in total, after ONNX Runtime's basic optimizations
  // number of nodes that each other provider runs, such as CUDA next to TensorRT
  std::map<std::string, std::size_t> others;
  std::set<std::string> left;  // names of the operators that run on the CPU
};
/// Returns how the nodes were divided. The session's options must come from append_provider(), for a provider
/// other than the CPU's. Returns nullopt before ONNX Runtime 1.24, which does not report it.
[[nodiscard]] std::optional<NodeShare> count_nodes(const Runtime& runtime, const ort::Session* session,
                                                   const std::string& provider);

}  // namespace freshframe::inference
