// Runs a plugin's node as a node or source of the engine.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/abi.h"
#include "freshframe/native.hpp"
#include "freshframe/node.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "plugin/host.hpp"
#include "plugin/values.hpp"

namespace freshframe::plugin {

class ErrorText;

/// A plugin's object and its functions. Errors reported by a function are thrown as Error.
class Instance {
 public:
  /// A plugin's object; its owner, or null if this Instance destroys it; and freshframe_object::taken, or
  /// null.
  struct Object {
    void* self = nullptr;
    std::shared_ptr<const void> keep = {};
    std::int32_t* taken = nullptr;
  };

  /// `table` must have been validated.
  Instance(const freshframe_node& table, Object object, const PixelOps& ops);
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;
  ~Instance();

  [[nodiscard]] const freshframe_node& table() const noexcept { return table_; }
  [[nodiscard]] const Type* input() const noexcept { return input_; }
  [[nodiscard]] const Type* output() const noexcept { return output_; }
  [[nodiscard]] std::optional<Seconds> tick_every() const noexcept { return tick_every_; }

  /// Claims the object for a pipeline. Throws GraphError if another pipeline has it.
  void claim();
  /// Undoes claim(), unless the node has been opened.
  void unclaim() noexcept;
  void open(const Context& context);
  std::optional<Emitted> process(const AnySample& sample);
  /// Call process_out(), on_tick() and finish() of the table.
  void process(const AnySample& sample, AnyOut& out);
  void on_tick(TimePoint now, AnyOut& out);
  void finish(AnyOut& out);
  std::optional<SourceItem<Emitted>> read();
  void close();

 private:
  class Outlet;
  /// Passes the sample to `call(freshframe_sample)`, valid during the call.
  template <class Call>
  auto show_sample(const AnySample& sample, const Call& call);
  /// Calls `call(outlet, error)`, which must call `function` of the table. Rethrows an exception that the
  /// outlet has caught.
  template <class Call>
  void call_with_outlet(const char* function, AnyOut& out, const Call& call);
  /// Takes ownership of `value` and returns it if `code` is 1; returns nullopt if it is 0. Throws Error for
  /// any other code.
  std::optional<Emitted> result(const char* function, std::int32_t code, const freshframe_value& value,
                                ErrorText& error);
  /// Takes ownership of a plugin's value. Throws Error if it has another type than declared.
  Emitted take_value(const freshframe_value& value);
  /// Releases a rejected value of the plugin, and its frame.
  void give_back(const freshframe_value& value);

  const freshframe_node table_;
  const Object object_;
  bool is_claimed_ = false;
  bool was_opened_ = false;
  const Type* const input_;
  const Type* const output_;
  const std::optional<Seconds> tick_every_;
  Host host_;
  Lent lent_;  // for process()
};

/// Base of this layer's nodes: names their types, and claims objects that belong to the caller.
class NamesTypes {
 public:
  NamesTypes() = default;
  NamesTypes(const NamesTypes&) = delete;
  NamesTypes& operator=(const NamesTypes&) = delete;
  virtual ~NamesTypes() = default;
  [[nodiscard]] virtual native::NodeTypes types() const = 0;
  /// See Instance::claim() and unclaim().
  virtual void claim() {}
  virtual void unclaim() noexcept {}
};

/// Wraps the instance in a node for the engine.
[[nodiscard]] std::unique_ptr<NodeBase> as_node(std::unique_ptr<Instance> instance);
/// Creates the object. Throws OptionError, or Error with the message of its constructor.
[[nodiscard]] std::unique_ptr<Instance> make_instance(const freshframe_node& table, const std::string& what,
                                                      const native::Options& options, const PixelOps& ops);
/// Returns the table in this version. Throws OptionError for another version, a table that is too small, a
/// missing required function, or an unknown type. `what` is for messages.
[[nodiscard]] freshframe_node checked_node(const freshframe_node* given, const std::string& what);

}  // namespace freshframe::plugin
