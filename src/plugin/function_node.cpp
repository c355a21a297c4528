// A node for a single user function: pixels in, an array or a number out.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/native.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "core/utf8.hpp"
#include "plugin/library.hpp"
#include "plugin/plugin_node.hpp"

namespace freshframe::plugin {
namespace {

using native::Array;
using native::Column;
using native::FunctionOptions;

constexpr std::int64_t kMostResultBytes = std::int64_t{1} << 30;

// Maximum size of the result in bytes. Throws OptionError.
std::size_t result_bytes(const FunctionOptions& options) {
  std::int64_t bytes = options.type->size_bytes;
  for (const auto size : options.shape) {
    if (size < 0) throw OptionError("out must have sizes of at least 0, got " + std::to_string(size));
    if (__builtin_mul_overflow(bytes, size, &bytes) || bytes > kMostResultBytes) {
      throw OptionError(
          "a result as large as out= declares has more than 1 GiB: declare a smaller shape or dtype");
    }
  }
  return static_cast<std::size_t>(bytes);
}

double as_double(const native::Dtype& type, const std::byte* data) {
  const auto read = [&](auto value) {
    std::memcpy(&value, data, sizeof value);
    return static_cast<double>(value);
  };
  if (type.name == "float32") return read(float{});
  if (type.name == "float64") return read(double{});
  if (type.name == "int8") return read(std::int8_t{});
  if (type.name == "int16") return read(std::int16_t{});
  if (type.name == "int32") return read(std::int32_t{});
  if (type.name == "int64") return read(std::int64_t{});
  if (type.name == "uint16") return read(std::uint16_t{});
  if (type.name == "uint32") return read(std::uint32_t{});
  if (type.name == "uint64") return read(std::uint64_t{});
  return read(std::uint8_t{});
}

class FunctionNode final : public NodeBase, public NamesTypes {
 public:
  FunctionNode(freshframe_function function, FunctionOptions options)
      : function_(function), options_(std::move(options)), bytes_(result_bytes(options_)) {}

  [[nodiscard]] std::string default_name() const override { return options_.name; }
  [[nodiscard]] const TypeInfo* input_type() const noexcept override { return get_type<Frame>(); }
  [[nodiscard]] const TypeInfo* output_type() const noexcept override {
    return is_number() ? get_type<double>() : get_type<Array>();
  }
  [[nodiscard]] NodeAbilities abilities() noexcept override { return {.types = this}; }
  [[nodiscard]] native::NodeTypes types() const override {
    return {"frame", is_number() ? "float64" : "array"};
  }

  std::optional<Emitted> process_any(const AnySample& sample, const Context& /*context*/) override {
    if (sample.value || !sample.frame) {
      throw GraphError("takes a frame, but its parent returned " +
                       std::string(sample.value ? sample.value.get()->type()->name : "nothing"));
    }
    // new[] of bytes is aligned for all column types.
    const std::shared_ptr<std::byte[]> memory(new std::byte[std::max<std::size_t>(bytes_, 1)]());
    const auto rows = call(sample, memory.get());
    // NOLINTNEXTLINE(clang-analyzer-cplusplus.NewDeleteLeaks): it does not follow the count in a ValueRef
    if (is_number()) return Emitted{ValueRef::make<double>(as_double(*options_.type, memory.get())), {}};
    return Emitted{ValueRef::make<Array>({{{column(memory.get(), rows)}, memory}}), {}};
  }  // NOLINT(clang-analyzer-cplusplus.NewDeleteLeaks)

 private:
  [[nodiscard]] bool is_number() const noexcept { return options_.shape.empty(); }

  // Returns the number of rows in the result.
  std::int32_t call(const AnySample& sample, std::byte* out) {
    const auto& frame = sample.frame;
    const auto plane =
        options_.format == PixelFormat::Gray ? frame.luma() : frame.to(options_.format).planes()[0];
    const auto max_rows = options_.max_rows.value_or(0);
    auto* const state = options_.state.empty() ? nullptr : options_.state.data();
    const auto code = function_(plane.data, frame.width(), frame.height(), plane.stride, sample.stamp.pts,
                                sample.stamp.seq, sample.stamp.source, out, max_rows, state);
    if (code < 0) throw Error(describe_code(code));
    if (!options_.max_rows) {
      if (code != 0)
        throw Error("returned " + std::to_string(code) + ", but a function with a fixed shape returns 0");
      return 0;
    }
    if (code > max_rows) {
      throw Error("returned " + std::to_string(code) + " rows, but out has room for " +
                  std::to_string(max_rows));
    }
    return code;
  }

  [[nodiscard]] std::string describe_code(std::int32_t code) const {
    const auto* const text = options_.describe != nullptr ? options_.describe(code) : nullptr;
    if (text != nullptr) return core::to_utf8(text);
    return "returned the error " + std::to_string(code);
  }

  [[nodiscard]] Column column(const std::byte* data, std::int32_t rows) const {
    Column column;
    column.type = options_.type;
    column.dimensions = static_cast<int>(options_.shape.size());
    std::copy(options_.shape.begin(), options_.shape.end(), column.shape.begin());
    if (options_.max_rows) column.shape[0] = rows;
    std::int64_t stride = options_.type->size_bytes;
    for (auto axis = options_.shape.size(); axis-- > 0;) {
      column.strides[axis] = stride;
      stride *= options_.shape[axis];
    }
    column.data = data;
    column.bytes = bytes_;
    return column;
  }

  const freshframe_function function_;
  FunctionOptions options_;
  const std::size_t bytes_;
};

}  // namespace
}  // namespace freshframe::plugin

namespace freshframe::native {

std::unique_ptr<NodeBase> function_node(freshframe_function function, FunctionOptions options) {
  if (function == nullptr) throw OptionError("a function must not be null");
  // prevents a loader such as cffi from unloading it
  platform::keep_loaded(reinterpret_cast<const void*>(function));
  if (options.shape.size() > 4)
    throw OptionError("out must have at most 4 dimensions, got " + std::to_string(options.shape.size()));
  if (options.max_rows) {
    if (*options.max_rows < 0)
      throw OptionError("max_rows must be at least 0, got " + std::to_string(*options.max_rows));
    if (options.shape.empty()) throw OptionError("max_rows needs out=(None, ...)");
    options.shape[0] = *options.max_rows;
  }
  return std::make_unique<plugin::FunctionNode>(function, std::move(options));
}

std::unique_ptr<NodeBase> load_function(const std::string& path, const std::string& symbol,
                                        FunctionOptions options) {
  const auto found = plugin::find_symbol(path, symbol);
  if (found.address == nullptr) {
    const bool is_node = plugin::find_symbol(path, plugin::kSymbolPrefix + symbol).address != nullptr;
    throw OptionError("'" + path + "' has no function '" + symbol + "'; " +
                      (is_node ? "it has a node of that name: use freshframe.native.node()"
                               : "C++ functions need extern \"C\""));
  }
  if (found.kind == platform::SymbolKind::Data) {
    throw OptionError("'" + symbol + "' of '" + path + "' is data, not a function");
  }
  const auto texts = plugin::find_symbol(path, symbol + "_error");
  if (texts.kind != platform::SymbolKind::Data) {
    options.describe = reinterpret_cast<freshframe_function_error>(texts.address);
  }
  return function_node(reinterpret_cast<freshframe_function>(found.address), std::move(options));
}

}  // namespace freshframe::native
