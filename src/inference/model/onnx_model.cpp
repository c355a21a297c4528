// A loaded model, and the node that returns its outputs as a table of arrays.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/forks.hpp"
#include "freshframe/inference.hpp"
#include "freshframe/native.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "inference/model/inference_counters.hpp"
#include "inference/model/picture_input.hpp"
#include "inference/runtime/session.hpp"

namespace freshframe {
namespace {

using inference::Session;
using inference::Tensor;
using inference::ort::Element;

constexpr std::array kOutputElements = {Element::Float,   Element::Uint8,  Element::Int8,   Element::Uint16,
                                        Element::Int16,   Element::Int32,  Element::Int64,  Element::Bool,
                                        Element::Float16, Element::Double, Element::Uint32, Element::Uint64};

auto element_types() {
  std::array<native::Dtype, kOutputElements.size()> made{};
  std::ranges::transform(kOutputElements, made.begin(), [](Element from) {
    return native::Dtype{inference::element_name(from), static_cast<int>(inference::element_bytes(from))};
  });
  return made;
}

struct ElementTypes {
  std::array<native::Dtype, kOutputElements.size()> all = element_types();
};

const native::Dtype& get_dtype(const std::string& name, Element element) {
  const auto& types = forks::ProcessWide<ElementTypes>::get().all;
  const auto* const found = std::ranges::find(kOutputElements, element);
  if (found == kOutputElements.end()) {
    throw Error("the output '" + name +
                "' has elements that a NumPy array of numbers cannot hold, such as strings");
  }
  return types[static_cast<std::size_t>(found - kOutputElements.begin())];
}

native::Column make_column(const std::string& name, const Tensor& tensor) {
  native::Column column;
  column.name = name;
  column.type = &get_dtype(name, tensor.element());
  const auto shape = tensor.shape();
  if (shape.size() > column.shape.size()) {
    throw Error("the output '" + name + "' has " + std::to_string(shape.size()) +
                " axes, but a node can return arrays of at most 4: use OnnxModel.run()");
  }
  column.dimensions = static_cast<int>(shape.size());
  std::int64_t stride = column.type->size_bytes;
  for (std::size_t i = shape.size(); i-- > 0;) {
    column.shape[i] = shape[i];
    column.strides[i] = stride;
    stride *= shape[i];
  }
  column.data = tensor.data();
  column.bytes = static_cast<std::uint64_t>(stride);
  return column;
}

class OnnxOutputs final : public Node<Frame, native::Table> {
 public:
  OnnxOutputs(std::shared_ptr<const Session> session, const inference::InputForm& form)
      : session_(std::move(session)),
        runner_(session_, form),
        counters_(session_->provider(), session_->threads()) {}

  [[nodiscard]] std::string default_name() const override { return "OnnxModel"; }
  [[nodiscard]] NodeReport report(Span span) const override { return {.inference = counters_.read(span)}; }

  std::optional<native::Table> process(const Sample<Frame>& sample, const Context& context) override {
    auto run = runner_.run({&sample.value}, context);
    if (run.is_stopped()) return std::nullopt;
    counters_.add(run.seconds);
    const auto kept = std::make_shared<const std::vector<Tensor>>(std::move(run.outputs));
    native::Table table;
    for (std::size_t i = 0; i < kept->size(); ++i) {
      table.columns.push_back(make_column(session_->outputs()[i].name, (*kept)[i]));
    }
    table.owner = kept;
    return table;
  }

 private:
  std::shared_ptr<const Session> session_;
  inference::PictureRunner runner_;
  inference::InferenceCounters counters_;
};

}  // namespace

OnnxModel::OnnxModel(const std::string& path, const OnnxOptions& options)
    : session_(std::make_shared<const inference::Session>(
          options.library, path,
          inference::SessionOptions{.threads = options.threads,
                                    .provider = options.provider,
                                    .provider_options = options.provider_options})) {}

const std::string& OnnxModel::provider() const noexcept {
  return session_->provider();
}

std::unique_ptr<NodeBase> onnx_outputs(const OnnxModel& model,
                                       const std::optional<std::pair<int, int>>& size) {
  const auto form = inference::picture_form(*model.session(), size);
  inference::refuse_fixed_batch(*model.session());
  return std::make_unique<OnnxOutputs>(model.session(), form);
}

}  // namespace freshframe
