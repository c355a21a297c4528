// A model in memory: its inputs, its outputs and its runs.
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
#include "inference/runtime/runtime.hpp"

namespace freshframe::inference {

/// An input or output as the file declares it.
struct TensorInfo {
  std::string name;
  ort::Element element = ort::Element::Undefined;
  std::vector<std::int64_t> shape = {};   // -1: not fixed
  std::vector<std::string> symbols = {};  // the names of axes that are not fixed, else empty
};

/// NumPy's name of a number type: "float32"; empty means NumPy has none.
[[nodiscard]] std::string_view element_name(ort::Element element) noexcept;
[[nodiscard]] std::size_t element_bytes(ort::Element element) noexcept;
/// "images [1, 3, 640, 640]"; an axis that is not fixed by its name, or "?".
[[nodiscard]] std::string to_text(const TensorInfo& tensor);
[[nodiscard]] std::string to_text(std::span<const TensorInfo> tensors);

using OwnedMemory = Owned<ort::MemoryInfo, ort::ReleaseMemoryInfo>;
using OwnedOptions = Owned<ort::SessionOptions, ort::ReleaseSessionOptions>;
using OwnedSession = Owned<ort::Session, ort::ReleaseSession>;
using OwnedValue = Owned<ort::Value, ort::ReleaseValue>;

/// A tensor in another owner's memory, given to run().
struct TensorView {
  const void* data = nullptr;
  std::size_t bytes = 0;
  ort::Element element = ort::Element::Float;
  std::vector<std::int64_t> shape = {};
  bool on_card = false;  // data is an address on the card of the provider "cuda"
};

/// The card of the CUDA provider, "cuda:0": its default.
inline constexpr int kCudaCard = 0;

/// The kinds of memory in which tensors lie: the host's, and the memory of kCudaCard.
class TensorMemory {
 public:
  explicit TensorMemory(const Runtime& runtime, bool with_card);

  /// Only reads the view's memory, which must outlive the value. Throws Error.
  [[nodiscard]] OwnedValue wrap(const TensorView& view) const;
  [[nodiscard]] const ort::MemoryInfo* card() const noexcept { return card_.get(); }

 private:
  const Runtime& runtime_;
  OwnedMemory host_;
  OwnedMemory card_;  // null without a card
};

/// The options of a session that runs one operator after the other, on sleeping threads. Throws Error.
[[nodiscard]] OwnedOptions make_options(const Runtime& runtime, int threads);
void append_cuda(const Runtime& runtime, const OwnedOptions& to);
/// The first line of a message of ONNX Runtime, 400 letters at most.
[[nodiscard]] std::string shorten_reason(std::string text);

/// An output of run(): memory of ONNX Runtime, which it owns.
class Tensor {
 public:
  Tensor(const Runtime& runtime, ort::Value* value);

  [[nodiscard]] const void* data() const noexcept { return data_; }
  /// Copies float16 and float64 for floats(). data() and element() stay.
  void widen();
  [[nodiscard]] std::span<const float> floats() const;  // empty unless it has float32, or was widened
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
  int threads = 0;                // threads of one run; 0 means default_threads()
  std::string provider = "auto";  // "cpu", "cuda", ...; auto: the first that works
};

/// min(4, processors that this process may use).
[[nodiscard]] int default_threads();

/// A loaded model. Thread-safe: several threads may run it at once.
class Session {
 public:
  /// Throws OptionError that names the file and the reason.
  Session(const std::string& library, const std::string& path, const SessionOptions& options);
  /// Loads the file of another session again, for runs of a number of threads. It may be another model by now: ask
  /// files().are_unchanged() before and after. Throws OptionError.
  Session(const Session& other, int threads);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] const std::vector<TensorInfo>& inputs() const noexcept { return inputs_; }
  [[nodiscard]] const std::vector<TensorInfo>& outputs() const noexcept { return outputs_; }
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const noexcept { return metadata_; }
  [[nodiscard]] const std::string& producer() const noexcept { return producer_; }
  /// The provider: "cpu", "cuda", ...
  [[nodiscard]] const std::string& provider() const noexcept { return provider_; }
  [[nodiscard]] int threads() const noexcept { return threads_; }
  [[nodiscard]] const Runtime& runtime() const noexcept { return runtime_; }
  /// The .onnx file as it was just before it was loaded.
  [[nodiscard]] const ModelFiles& files() const noexcept { return files_; }

  /// Takes one tensor per input, in their order, and returns one per output. Empty means `stop` has ended it.
  /// Throws Error.
  [[nodiscard]] std::vector<Tensor> run(std::span<const TensorView> given, const std::stop_token& stop) const;

 private:
  void open(const SessionOptions& options);
  void open_with(const std::string& provider);
  void describe();

  const Runtime& runtime_;
  std::string path_;  // as it was given, for messages
  ModelFiles files_;
  std::string provider_;
  int threads_ = 1;
  std::unique_ptr<OwnedSession> session_;
  std::unique_ptr<TensorMemory> memory_;
  std::vector<TensorInfo> inputs_;
  std::vector<TensorInfo> outputs_;
  std::map<std::string, std::string> metadata_;
  std::string producer_;
};

}  // namespace freshframe::inference
