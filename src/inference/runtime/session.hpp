// A loaded model: its inputs and outputs, and how to run it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "inference/runtime/model_files.hpp"
#include "inference/runtime/providers.hpp"
#include "inference/runtime/runtime.hpp"

namespace freshframe::inference {

/// An input or output as declared in the file.
struct TensorInfo {
  std::string name;
  ort::Element element = ort::Element::Undefined;
  std::vector<std::int64_t> shape = {};   // -1: dynamic
  std::vector<std::string> symbols = {};  // names of dynamic axes, empty for others
};

/// The NumPy name of an element type, such as "float32"; empty if NumPy has none.
[[nodiscard]] std::string_view element_name(ort::Element element) noexcept;
[[nodiscard]] std::size_t element_bytes(ort::Element element) noexcept;
/// Describes a tensor for messages: "images [1, 3, 640, 640]". Dynamic axes are shown by name, or as "?".
[[nodiscard]] std::string to_text(const TensorInfo& tensor);
[[nodiscard]] std::string to_text(std::span<const TensorInfo> tensors);

using OwnedMemory = Owned<ort::MemoryInfo, ort::ReleaseMemoryInfo>;
using OwnedSession = Owned<ort::Session, ort::ReleaseSession>;
using OwnedValue = Owned<ort::Value, ort::ReleaseValue>;

/// A tensor for run(). Does not own its memory.
struct TensorView {
  const void* data = nullptr;
  std::size_t bytes = 0;
  ort::Element element = ort::Element::Float;
  std::vector<std::int64_t> shape = {};
  bool on_card = false;  // data is a device address on the GPU of the "cuda" provider
};

/// The GPU that the CUDA provider uses by default, "cuda:0".
inline constexpr int kCudaCard = 0;

/// The memory that tensors can be in: the host's, or that of kCudaCard.
class TensorMemory {
 public:
  explicit TensorMemory(const Runtime& runtime, bool with_card);

  /// The view is not modified, and its memory must outlive the value. Throws Error.
  [[nodiscard]] OwnedValue wrap(const TensorView& view) const;
  [[nodiscard]] const ort::MemoryInfo* card() const noexcept { return card_.get(); }

 private:
  const Runtime& runtime_;
  OwnedMemory host_;
  OwnedMemory card_;  // null without a GPU
};

/// Session options that run operators sequentially and do not spin. Throws Error.
[[nodiscard]] OwnedOptions make_options(const Runtime& runtime, int threads);

/// An output of run(). Owns memory of ONNX Runtime.
class Tensor {
 public:
  /// Takes ownership of `value`, even if it throws. `name` and `path` of the output are for messages.
  Tensor(const Runtime& runtime, ort::Value* value, const std::string& name, const std::string& path);

  [[nodiscard]] const void* data() const noexcept { return data_; }
  /// Converts float16 and float64 to float32 for floats(). data() and element() do not change.
  void widen();
  [[nodiscard]] std::span<const float> floats() const;  // empty unless it is float32 or widen() was called
  [[nodiscard]] std::span<const std::int64_t> shape() const noexcept { return shape_; }
  [[nodiscard]] ort::Element element() const noexcept { return element_; }
  [[nodiscard]] std::size_t count() const noexcept { return count_; }

 private:
  Owned<ort::Value, ort::ReleaseValue> value_;
  const void* data_ = nullptr;
  std::vector<std::int64_t> shape_;
  ort::Element element_ = ort::Element::Undefined;
  std::size_t count_ = 0;
  std::vector<float> wide_;
};

struct SessionOptions {
  int threads = 0;                // threads per run; 0 for default_threads()
  std::string provider = "auto";  // as choose_providers() takes it
  ProviderOptions provider_options = {};
};

/// min(4, CPUs available to this process).
[[nodiscard]] int default_threads();

/// A loaded model. Thread-safe: several threads may run it at the same time.
class Session {
 public:
  /// Throws OptionError with the file and the reason.
  Session(const std::string& library, const std::string& path, const SessionOptions& options);
  /// Loads the file of another session again, with this number of threads per run. The file may have been
  /// replaced, so check files().are_unchanged() before and after. Throws OptionError.
  Session(const Session& other, int threads);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] const std::vector<TensorInfo>& inputs() const noexcept { return inputs_; }
  [[nodiscard]] const std::vector<TensorInfo>& outputs() const noexcept { return outputs_; }
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const noexcept { return metadata_; }
  [[nodiscard]] const std::string& producer() const noexcept { return producer_; }
  /// The provider, by its name of list_providers().
  [[nodiscard]] const std::string& provider() const noexcept { return provider_; }
  /// Returns true if run() takes tensors in the memory of the GPU kCudaCard.
  [[nodiscard]] bool reads_card() const noexcept { return memory_->card() != nullptr; }
  [[nodiscard]] int threads() const noexcept { return threads_; }
  [[nodiscard]] const Runtime& runtime() const noexcept { return runtime_; }
  /// The state of the .onnx file just before it was loaded.
  [[nodiscard]] const ModelFiles& files() const noexcept { return files_; }

  /// Takes one tensor per input, in order, and returns one per output. Returns an empty vector if stopped by
  /// `stop`. Throws Error.
  [[nodiscard]] std::vector<Tensor> run(std::span<const TensorView> given, const std::stop_token& stop) const;

 private:
  void open(const std::string& wanted);
  void open_with(const std::string& provider);
  void check_nodes(const std::string& provider, const OwnedSession& session) const;
  void describe();

  const Runtime& runtime_;
  std::string path_;  // as given, for messages
  ModelFiles files_;
  std::string provider_;
  ProviderOptions provider_options_;
  int threads_ = 1;
  std::unique_ptr<OwnedSession> session_;
  std::unique_ptr<TensorMemory> memory_;
  std::vector<TensorInfo> inputs_;
  std::vector<TensorInfo> outputs_;
  std::map<std::string, std::string> metadata_;
  std::string producer_;
};

}  // namespace freshframe::inference
