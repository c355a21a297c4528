// Nodes from shared libraries: functions and classes with the C interface abi.h, and the tables that they
// return.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/abi.h"
#include "freshframe/frame.hpp"
#include "freshframe/node.hpp"
#include "freshframe/sample.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace freshframe::native {

/// The number type of a column.
struct Dtype {
  std::string_view name;  // "float32", as NumPy says it
  int size_bytes;
};
/// The type of that name. Throws OptionError, which lists them.
[[nodiscard]] const Dtype& dtype(std::string_view name);

/// A named array. The memory belongs to its table.
struct Column {
  std::string name;
  const Dtype* type = nullptr;
  int dimensions = 0;  // 0 to 4
  std::array<std::int64_t, 4> shape{};
  std::array<std::int64_t, 4> strides{};  // bytes
  const void* data = nullptr;
  std::uint64_t bytes = 0;
};

/// Named columns. Immutable; copies share the memory.
struct Table {
  std::vector<Column> columns;
  std::shared_ptr<const void> owner = {};  // owner of the memory
  bool of_python = false;                  // `owner` is an object of the bindings
};
/// A table that holds one array.
struct Array : Table {};

/// The arguments of a function, and the form of its result.
struct FunctionOptions {
  PixelFormat format = PixelFormat::Gray;  // format of the pixels: Gray, Bgr or Rgb
  const Dtype* type = nullptr;
  std::vector<std::int64_t> shape = {};          // shape of the result; empty for one number, a double
  std::optional<std::int32_t> max_rows = {};     // the function returns shape[0], at most this
  std::vector<std::byte> state = {};             // copied for the node
  std::string name = "function";                 // name of the node
  std::shared_ptr<const void> keep = {};         // the owner of the function's code
  freshframe_function_error describe = nullptr;  // the function's own texts for its errors
};

/// A node of a function. Throws OptionError.
[[nodiscard]] std::unique_ptr<NodeBase> function_node(freshframe_function function, FunctionOptions options);
/// Does the same for `symbol` in the shared library at `path`, which is never unloaded.
[[nodiscard]] std::unique_ptr<NodeBase> load_function(const std::string& path, const std::string& symbol,
                                                      FunctionOptions options);

/// An option that is bytes.
struct Bytes {
  std::vector<std::byte> data;
};
using OptionValue = std::variant<bool, std::int64_t, double, std::string, Bytes, std::vector<double>>;
using Options = std::map<std::string, OptionValue>;

/// The node `name` of the shared library at `path`, which is never unloaded. `ops` converts the frames that
/// it makes. Throws OptionError for a missing library or node, another version, or an unknown option, and
/// Error with the text of the constructor's exception.
[[nodiscard]] std::unique_ptr<NodeBase> load_node(const std::string& path, const std::string& name,
                                                  const Options& options, const PixelOps& ops);
/// The node of a freshframe_object; `keep` owns it.
[[nodiscard]] std::unique_ptr<NodeBase> object_node(const freshframe_object& object,
                                                    std::shared_ptr<const void> keep, const PixelOps& ops);
/// Takes the object of object_node() for a pipeline: no other one may take it, unless `node` is destroyed
/// before it is opened. Nothing for other nodes. Throws GraphError when a pipeline has it.
void claim(NodeBase& node);
/// Takes claim() back: the pipeline did not take the node.
void unclaim(NodeBase& node) noexcept;

/// The types of a node's input and output, by the names of abi.h; empty means none.
struct NodeTypes {
  std::string input;
  std::string output;
};
/// The types of a node that one of the functions above has made.
[[nodiscard]] NodeTypes node_types(NodeBase& node);

/// The table of a value that is a Table or an Array; null means it is neither.
[[nodiscard]] const Table* table_in(const ValueRef& value) noexcept;

}  // namespace freshframe::native

template <>
inline constexpr std::string_view freshframe::kTypeName<freshframe::native::Table> = "table";
template <>
inline constexpr std::string_view freshframe::kTypeName<freshframe::native::Array> = "array";
