// Nodes from shared libraries (functions, or classes with the C interface of abi.h), and the tables they
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

/// The element type of a column.
struct Dtype {
  std::string_view name;  // "float32", as in NumPy
  int size_bytes;
};
/// Finds a type by name. Throws OptionError, which lists all names.
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
  std::shared_ptr<const void> owner = {};  // keeps the memory alive
  bool of_python = false;                  // `owner` is a Python object
};
/// A table with a single column.
struct Array : Table {};

/// How to call a function and interpret its result.
struct FunctionOptions {
  PixelFormat format = PixelFormat::Gray;  // Gray, Bgr or Rgb
  const Dtype* type = nullptr;
  std::vector<std::int64_t> shape = {};  // shape of the result; empty for a single double
  /// Set if shape[0] varies: its maximum, and the function returns the actual value.
  std::optional<std::int32_t> max_rows = {};
  std::vector<std::byte> state = {};  // initial state, copied for each node
  std::string name = "function";
  std::shared_ptr<const void> keep = {};         // keeps the function's code loaded
  freshframe_function_error describe = nullptr;  // translates the function's error codes
};

/// Creates a node that calls a function. Throws OptionError.
[[nodiscard]] std::unique_ptr<NodeBase> function_node(freshframe_function function, FunctionOptions options);
/// Like function_node(), for `symbol` in the shared library at `path`, which is never unloaded.
[[nodiscard]] std::unique_ptr<NodeBase> load_function(const std::string& path, const std::string& symbol,
                                                      FunctionOptions options);

/// Distinguishes bytes from strings in OptionValue.
struct Bytes {
  std::vector<std::byte> data;
};
using OptionValue = std::variant<bool, std::int64_t, double, std::string, Bytes, std::vector<double>>;
using Options = std::map<std::string, OptionValue>;

/// Creates the node `name` of the shared library at `path`, which is never unloaded. `ops` converts the
/// frames that the node creates. Throws OptionError for a missing library or node, a different ABI version or
/// an unknown option, and Error with the message if the node's constructor throws.
[[nodiscard]] std::unique_ptr<NodeBase> load_node(const std::string& path, const std::string& name,
                                                  const Options& options, const PixelOps& ops);
/// Creates a node from a freshframe_object, which `keep` owns.
[[nodiscard]] std::unique_ptr<NodeBase> object_node(const freshframe_object& object,
                                                    std::shared_ptr<const void> keep, const PixelOps& ops);
/// Reserves the object of an object_node() for one pipeline, until `node` is destroyed without having been
/// opened. Does nothing for other nodes. Throws GraphError if another pipeline has it.
void claim(NodeBase& node);
/// Undoes claim() if the pipeline did not accept the node.
void unclaim(NodeBase& node) noexcept;

/// A node's input and output types, with the names of abi.h; empty for none.
struct NodeTypes {
  std::string input;
  std::string output;
};
/// The types of a node created by one of the functions above.
[[nodiscard]] NodeTypes node_types(NodeBase& node);

/// Returns the table of a Table or Array value, otherwise null.
[[nodiscard]] const Table* table_in(const ValueRef& value) noexcept;

}  // namespace freshframe::native

template <>
inline constexpr std::string_view freshframe::kTypeName<freshframe::native::Table> = "table";
template <>
inline constexpr std::string_view freshframe::kTypeName<freshframe::native::Array> = "array";
