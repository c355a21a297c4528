// Validates a plugin's table and calls its functions.
// SPDX-License-Identifier: Apache-2.0
#include "plugin/plugin_node.hpp"

#include "freshframe/abi.h"
#include "freshframe/error.hpp"
#include "freshframe/native.hpp"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <set>
#include <string>
#include <type_traits>
#include <utility>

#include "core/utf8.hpp"
#include "plugin/foreign_text.hpp"
#include "plugin/library.hpp"
#include "plugin/tables.hpp"

namespace freshframe::plugin {

// Buffer for the error message of one call.
class ErrorText {
 public:
  ErrorText() noexcept { text_.front() = '\0'; }
  [[nodiscard]] freshframe_error* get() noexcept { return &error_; }
  /// The error message of `function`.
  [[nodiscard]] std::string text(const char* function, std::int32_t code) {
    text_.back() = '\0';
    if (text_.front() != '\0') return core::to_utf8(text_.data());
    return std::string(function) + "() returned " + std::to_string(code) + " without a message";
  }

 private:
  static constexpr std::size_t kSize = 4096;

  // only the first and last byte are initialized, to save time: each call has a buffer
  std::array<char, kSize> text_;
  freshframe_error error_{sizeof(freshframe_error), text_.data(), kSize};
};

namespace {

freshframe_option to_c(const native::OptionValue& value) {
  freshframe_option option{};
  std::visit(
      [&](const auto& held) {
        using T = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<T, bool>) {
          option.kind = FRESHFRAME_OPTION_BOOL;
          option.integer = held ? 1 : 0;
        } else if constexpr (std::is_same_v<T, std::int64_t>) {
          option.kind = FRESHFRAME_OPTION_INT64;
          option.integer = held;
          option.number = static_cast<double>(held);
        } else if constexpr (std::is_same_v<T, double>) {
          option.kind = FRESHFRAME_OPTION_FLOAT64;
          option.number = held;
        } else if constexpr (std::is_same_v<T, native::Bytes>) {
          option.kind = FRESHFRAME_OPTION_BYTES;
          option.data = held.data.data();
          option.count = held.data.size();
        } else {
          option.kind = std::is_same_v<T, std::string> ? FRESHFRAME_OPTION_TEXT : FRESHFRAME_OPTION_NUMBERS;
          option.data = held.data();
          option.count = held.size();
        }
      },
      value);
  return option;
}

[[noreturn]] void refuse(const std::string& node, const std::string& name,
                         const std::set<std::string>& asked) {
  std::string known;
  for (const auto& each : asked) known.append(known.empty() ? "" : ", ").append(each);
  throw OptionError(node + " has no option '" + name + "'; " +
                    (known.empty() ? "it has no options" : "its options are " + known));
}

// The options of a node during its construction: the given values, and the names that the node has looked up.
class OptionLookups {
 public:
  explicit OptionLookups(const native::Options& given)
      : given_(given), table_{sizeof(freshframe_options), this, &OptionLookups::get} {}
  OptionLookups(const OptionLookups&) = delete;
  OptionLookups& operator=(const OptionLookups&) = delete;

  [[nodiscard]] const freshframe_options& table() const noexcept { return table_; }
  /// Throws OptionError if an option was given that the node has not looked up.
  void check_all_known(const std::string& node) const {
    for (const auto& [name, value] : given_) {
      if (!asked_.contains(name)) refuse(node, name, asked_);
    }
  }

 private:
  // NOLINTNEXTLINE(bugprone-exception-escape): without memory for a name the program ends
  static std::int32_t get(void* self, const char* name, freshframe_option* out) noexcept {
    if (name == nullptr || out == nullptr) return 0;
    auto& options = *static_cast<OptionLookups*>(self);
    options.asked_.insert(core::to_utf8(name));
    const auto found = options.given_.find(name);
    if (found == options.given_.end()) return 0;
    auto option = to_c(found->second);
    option.size = out->size;
    std::memcpy(out, &option, out->size < sizeof option ? out->size : sizeof option);
    return 1;
  }

  const native::Options& given_;
  std::set<std::string> asked_;
  freshframe_options table_;
};

// Validates the stamp of a source.
void check(const freshframe_stamp& stamp) {
  if (!std::isfinite(stamp.pts))
    throw Error("returned a pts that is not finite: " + std::to_string(stamp.pts));
  if (stamp.seq < -1 || stamp.seq == INT64_MAX) {
    throw Error("seq must be at least 0, or -1 for the next number, got " + std::to_string(stamp.seq));
  }
  if (stamp.captured_ns < 0) {
    throw Error("captured_ns must be a time of CLOCK_MONOTONIC, or 0, got " +
                std::to_string(stamp.captured_ns));
  }
  if (stamp.utc_from < FRESHFRAME_UTC_NONE || stamp.utc_from > FRESHFRAME_UTC_BROWSER) {
    throw Error("utc_from must be a value of freshframe_utc_from, got " + std::to_string(stamp.utc_from));
  }
  if (stamp.utc_from == FRESHFRAME_UTC_NONE) return;
  if (!std::isfinite(stamp.utc))
    throw Error("returned a utc that is not finite: " + std::to_string(stamp.utc));
  if (!(stamp.utc_error >= 0))
    throw Error("returned a utc_error of " + std::to_string(stamp.utc_error) + ": it must be at least 0");
}

Utc make_utc(const freshframe_stamp& stamp) {
  if (stamp.utc_from == FRESHFRAME_UTC_NONE) return {};
  return {stamp.utc, static_cast<float>(stamp.utc_error), static_cast<UtcFrom>(stamp.utc_from)};
}

// Validates the stamp of an earlier sample for a result. Whether the node has received it is checked by the
// engine's outlet.
Stamp make_earlier(const freshframe_stamp& given) {
  constexpr std::uint64_t kLeast = offsetof(freshframe_stamp, utc);  // size in version 1
  if (given.size < kLeast) {
    throw Error("passed emit() a stamp of " + std::to_string(given.size) +
                " bytes: its `size` must be sizeof(freshframe_stamp)");
  }
  const auto known = known_part<freshframe_stamp>(&given, given.size);
  check(known);
  return {.seq = known.seq,
          .pts = known.pts,
          .captured = TimePoint(std::chrono::nanoseconds(known.captured_ns)),
          .source = known.source,
          .damaged = known.damaged != 0,
          .utc = make_utc(known)};
}

// Size in version 1: up to and including close().
constexpr std::uint64_t kLeastSize = offsetof(freshframe_node, process_batch);

const Type* type_named(const char* name, const std::string& what, const char* role) {
  if (name == nullptr) return nullptr;
  if (const auto* type = find_type(name)) return type;
  throw OptionError(what + " has the " + role + " '" + core::to_utf8(name) +
                    "', which is not a type; the types are " + type_names());
}

const Type* type_in(const freshframe_node& table, const char* name, const char* role) {
  const auto* const type = type_named(name, table.name, role);
  return (table.flags & FRESHFRAME_FURTHER_COLUMNS) != 0 ? with_further_columns(type) : type;
}

// Validates a node's symbol. A `size` of 0 is unknown.
void check_symbol(const platform::Symbol& symbol, const std::string& what) {
  const bool is_table = symbol.kind != platform::SymbolKind::Function &&
                        (symbol.size_bytes == 0 || symbol.size_bytes >= 2 * sizeof(std::uint64_t));
  if (!is_table) {
    throw OptionError(what +
                      " is not a table: its symbol must be a freshframe_node itself, not a pointer to one " +
                      "and not a function");
  }
  std::uint64_t claimed = 0;
  std::memcpy(&claimed, symbol.address, sizeof claimed);
  if (symbol.size_bytes != 0 && claimed > symbol.size_bytes) {
    throw OptionError(what + " claims a table of " + std::to_string(claimed) + " bytes, but its symbol has " +
                      std::to_string(symbol.size_bytes));
  }
}

native::NodeTypes list_types(const Instance& instance) {
  const auto name = [](const Type* type) { return std::string(type != nullptr ? type->name : ""); };
  return {name(instance.input()), name(instance.output())};
}

class PluginNode final : public NodeBase, public NamesTypes {
 public:
  explicit PluginNode(std::unique_ptr<Instance> instance) : instance_(std::move(instance)) {}

  [[nodiscard]] std::string default_name() const override { return instance_->table().name; }
  [[nodiscard]] const TypeInfo* input_type() const noexcept override { return instance_->input()->engine; }
  [[nodiscard]] const TypeInfo* output_type() const noexcept override {
    return instance_->output() != nullptr ? instance_->output()->engine : get_type<Nothing>();
  }
  void open(const Context& context) override { instance_->open(context); }
  std::optional<Emitted> process_any(const AnySample& sample, const Context& /*context*/) override {
    check_type(sample);
    return instance_->process(sample);
  }
  [[nodiscard]] NodeContract contract() const override {
    return {.gives_several = instance_->table().process_out != nullptr,
            .tick_every = instance_->tick_every(),
            .finishes = instance_->table().finish != nullptr};
  }
  [[nodiscard]] NodeAbilities abilities() noexcept override { return {.types = this}; }
  void process_out_any(const AnySample& sample, AnyOut& out, const Context& /*context*/) override {
    check_type(sample);
    instance_->process(sample, out);
  }
  void on_tick_any(TimePoint now, AnyOut& out, const Context& /*context*/) override {
    instance_->on_tick(now, out);
  }
  void finish_any(AnyOut& out, const Context& /*context*/) override { instance_->finish(out); }
  void close() override { instance_->close(); }

  [[nodiscard]] native::NodeTypes types() const override { return list_types(*instance_); }
  void claim() override { instance_->claim(); }
  void unclaim() noexcept override { instance_->unclaim(); }

 private:
  void check_type(const AnySample& sample) const {
    const auto* type = sample.value ? sample.value.get()->type() : get_type<Frame>();
    if (type == input_type()) return;  // the types differ only if the parent has no declared output type
    throw GraphError("takes " + std::string(instance_->input()->name) + ", but its parent returned " +
                     std::string(type->name));
  }

  std::unique_ptr<Instance> instance_;
};

class PluginSource final : public SourceBase, public NamesTypes {
 public:
  explicit PluginSource(std::unique_ptr<Instance> instance) : instance_(std::move(instance)) {}

  [[nodiscard]] std::string default_name() const override { return instance_->table().name; }
  [[nodiscard]] const TypeInfo* output_type() const noexcept override { return instance_->output()->engine; }
  [[nodiscard]] bool live() const noexcept override { return instance_->table().live != 0; }
  [[nodiscard]] NodeAbilities abilities() noexcept override { return {.types = this}; }
  void open(const Context& context) override { instance_->open(context); }
  std::optional<SourceItem<Emitted>> read_any(const Context& /*context*/) override {
    return instance_->read();
  }
  void close() override { instance_->close(); }

  [[nodiscard]] native::NodeTypes types() const override { return list_types(*instance_); }
  void claim() override { instance_->claim(); }
  void unclaim() noexcept override { instance_->unclaim(); }

 private:
  std::unique_ptr<Instance> instance_;
};

}  // namespace

freshframe_node checked_node(const freshframe_node* given, const std::string& what) {
  std::uint64_t head[2];  // size and version, the first members in every version
  std::memcpy(head, given, sizeof head);
  if (head[1] != FRESHFRAME_ABI_VERSION) {
    throw OptionError(what + " was compiled for version " + std::to_string(head[1]) +
                      " of freshframe's C interface, but this engine has version " +
                      std::to_string(FRESHFRAME_ABI_VERSION) +
                      ": compile it with the headers of freshframe.native.get_include()");
  }
  if (head[0] < kLeastSize) {
    throw OptionError(what + " has a table of " + std::to_string(head[0]) +
                      " bytes, but version 1 has at least " + std::to_string(kLeastSize) +
                      ": its `size` must be sizeof(freshframe_node)");
  }
  const auto table = known_part<freshframe_node>(given, head[0]);
  const auto require = [&](bool is_there, const char* function) {
    if (!is_there) throw OptionError(what + " has no function '" + function + "', which is required");
  };
  require(table.name != nullptr, "name");
  if (table.name[0] == '\0' || !core::is_utf8(table.name)) {
    throw OptionError(what + " has the name '" + core::to_utf8(table.name) +
                      "'; a name must be UTF-8 and must not be empty");
  }
  require(table.create != nullptr, "create");
  require(table.destroy != nullptr, "destroy");
  require(table.open != nullptr, "open");
  if (table.input != nullptr) {
    require(table.process != nullptr || table.process_out != nullptr, "process");
    if (table.tick_every != nullptr) require(table.on_tick != nullptr, "on_tick");
    if (table.on_tick != nullptr) require(table.tick_every != nullptr, "tick_every");
  } else {
    require(table.read != nullptr, "read");
    require(table.output != nullptr, "output");
    if (table.process_out != nullptr || table.on_tick != nullptr || table.finish != nullptr) {
      throw OptionError(
          what +
          " is a source and cannot have process_out(), on_tick() or finish(): do their work in read()");
    }
  }
  (void)type_named(table.input, what, "input");
  (void)type_named(table.output, what, "output");
  return table;
}

Instance::Instance(const freshframe_node& table, Object object, const PixelOps& ops)
    : table_(table),
      object_(std::move(object)),
      input_(type_in(table, table.input, "input")),
      output_(type_in(table, table.output, "output")),
      tick_every_(table.tick_every != nullptr ? std::optional(Seconds(table.tick_every(object_.self)))
                                              : std::nullopt),
      host_(ops) {
  lent_.frame.is_lent = true;
  lent_.value.size = sizeof(freshframe_value);
  if (input_ != nullptr) lent_.value.type = input_->name.data();  // string literals are zero-terminated
}

Instance::~Instance() {
  unclaim();
  if (!object_.keep) run_contained("destroy()", [&] { table_.destroy(object_.self); });
}

void Instance::claim() {
  if (object_.taken == nullptr) return;
  if (__atomic_exchange_n(object_.taken, 1, __ATOMIC_ACQ_REL) != 0) {
    throw GraphError("this " + std::string(table_.name) +
                     " already belongs to a pipeline: create a second one");
  }
  is_claimed_ = true;
}

void Instance::unclaim() noexcept {
  if (!is_claimed_ || was_opened_) return;
  __atomic_store_n(object_.taken, 0, __ATOMIC_RELEASE);
  is_claimed_ = false;
}

void Instance::open(const Context& context) {
  host_.attach(context, table_.name);
  was_opened_ = true;
  ErrorText error;
  const auto code = table_.open(object_.self, &host_.table(), error.get());
  if (code >= 0) return;
  host_.detach();
  throw Error(error.text("open", code));
}

// The state behind the freshframe_outlet of one call.
class Instance::Outlet {
 public:
  Outlet(Instance& instance, AnyOut& out) : instance_(instance), out_(out) {}
  Outlet(const Outlet&) = delete;
  Outlet& operator=(const Outlet&) = delete;
  ~Outlet() = default;

  [[nodiscard]] const freshframe_outlet* table() const noexcept { return &table_; }
  void rethrow_refusal() const {
    if (refusal_) std::rethrow_exception(refusal_);
  }

 private:
  static std::int32_t emit(void* self, const freshframe_value* value, const freshframe_stamp* like,
                           const freshframe_frame* frame) noexcept {
    auto& outlet = *static_cast<Outlet*>(self);
    try {
      return outlet.emit(value, like, frame) ? 1 : 0;
    } catch (...) {
      if (!outlet.refusal_) outlet.refusal_ = std::current_exception();
      return -1;
    }
  }
  bool emit(const freshframe_value* value, const freshframe_stamp* like, const freshframe_frame* frame) {
    if (value == nullptr || value->size < sizeof(std::uint64_t) + sizeof(char*)) {
      throw Error(
          "passed emit() an incomplete freshframe_value: its `size` must be sizeof(freshframe_value)");
    }
    auto result = instance_.take_value(known_part<freshframe_value>(value, value->size));
    if (like != nullptr) {
      result.like = std::make_shared<const Stamp>(make_earlier(*like));
      if (frame != nullptr && result.value) result.frame = Host::wrap_frame(*frame);
    }
    return out_.emit(std::move(result));
  }

  Instance& instance_;
  AnyOut& out_;
  std::exception_ptr refusal_;
  const freshframe_outlet table_{sizeof(freshframe_outlet), this, &Outlet::emit};
};

template <class Call>
void Instance::call_with_outlet(const char* function, AnyOut& out, const Call& call) {
  Outlet outlet(*this, out);  // NOLINT(misc-const-correctness): emit() changes it through its table
  ErrorText error;
  const std::int32_t code = call(outlet.table(), error.get());
  outlet.rethrow_refusal();
  if (code < 0) throw Error(error.text(function, code));
  if (code > 0) {
    throw Error(std::string(function) + "() returned " + std::to_string(code) +
                "; it must return 0 or a negative number");
  }
}

std::optional<Emitted> Instance::result(const char* function, std::int32_t code,
                                        const freshframe_value& value, ErrorText& error) {
  if (code < 0) throw Error(error.text(function, code));
  if (code == 0) return std::nullopt;
  if (code > 1) {
    give_back(value);
    throw Error(std::string(function) + "() returned " + std::to_string(code) +
                "; it must return 1, 0 or a negative number");
  }
  return take_value(value);
}

void Instance::give_back(const freshframe_value& value) {
  if (value.release != nullptr) value.release(value.owner);
  if (value.frame != nullptr) (void)host_.take(value.frame);
}

Emitted Instance::take_value(const freshframe_value& value) {
  if (output_ == nullptr || value.type == nullptr || output_->name != value.type) {
    give_back(value);
    throw Error("returned a value of type " + (value.type != nullptr ? shortened(value.type) : "null") +
                ", but its output type is " + (output_ != nullptr ? std::string(output_->name) : "none"));
  }
  return output_->from_c(value, host_);
}

template <class Call>
auto Instance::show_sample(const AnySample& sample, const Call& call) {
  const freshframe_stamp stamp{sizeof(freshframe_stamp),
                               sample.stamp.seq,
                               sample.stamp.pts,
                               std::chrono::nanoseconds(sample.stamp.captured.time_since_epoch()).count(),
                               sample.dropped,
                               sample.stamp.source,
                               sample.stamp.damaged ? 1 : 0,
                               sample.stamp.utc.seconds,
                               sample.stamp.utc.error,
                               static_cast<std::int32_t>(sample.stamp.utc.from),
                               sample.stamp.part};
  const std::unique_ptr<Lent, decltype([](Lent* lent) { lent->clear(); })> lent(&lent_);
  lent->frame.frame = sample.frame;
  input_->to_c(sample, *lent);
  const freshframe_sample given{sizeof(freshframe_sample), &stamp, &lent->value,
                                sample.frame ? &lent->frame : nullptr};
  return call(given);
}

std::optional<Emitted> Instance::process(const AnySample& sample) {
  return show_sample(sample, [&](const freshframe_sample& given) {
    freshframe_value value{};
    value.size = sizeof value;
    ErrorText error;
    const auto code = table_.process(object_.self, &given, &value, error.get());
    return result("process", code, value, error);
  });
}

void Instance::process(const AnySample& sample, AnyOut& out) {
  show_sample(sample, [&](const freshframe_sample& given) {
    call_with_outlet("process_out", out, [&](const freshframe_outlet* outlet, freshframe_error* error) {
      return table_.process_out(object_.self, &given, outlet, error);
    });
  });
}

void Instance::on_tick(TimePoint now, AnyOut& out) {
  const auto now_ns = std::chrono::nanoseconds(now.time_since_epoch()).count();
  call_with_outlet("on_tick", out, [&](const freshframe_outlet* outlet, freshframe_error* error) {
    return table_.on_tick(object_.self, now_ns, outlet, error);
  });
}

void Instance::finish(AnyOut& out) {
  call_with_outlet("finish", out, [&](const freshframe_outlet* outlet, freshframe_error* error) {
    return table_.finish(object_.self, outlet, error);
  });
}

std::optional<SourceItem<Emitted>> Instance::read() {
  freshframe_stamp stamp{};
  stamp.size = sizeof stamp;
  stamp.seq = -1;
  stamp.utc_error = static_cast<double>(Utc::kUnknown);
  freshframe_value value{};
  value.size = sizeof value;
  ErrorText error;
  const auto code = table_.read(object_.self, &value, &stamp, error.get());
  auto output = result("read", code, value, error);
  if (!output) return std::nullopt;
  check(stamp);
  SourceItem<Emitted> item{*std::move(output), stamp.pts,
                           TimePoint(std::chrono::nanoseconds(stamp.captured_ns))};
  if (stamp.seq >= 0) item.seq = stamp.seq;
  item.utc = make_utc(stamp);
  return item;
}

void Instance::close() {
  ErrorText error;
  const auto code = table_.close != nullptr ? table_.close(object_.self, error.get()) : 0;
  host_.detach();
  if (code < 0) throw Error(error.text("close", code));
}

std::unique_ptr<Instance> make_instance(const freshframe_node& table, const std::string& what,
                                        const native::Options& options, const PixelOps& ops) {
  const OptionLookups given(options);
  ErrorText error;
  void* const self = table.create(&given.table(), error.get());
  if (self == nullptr) throw OptionError(what + " cannot be created: " + error.text("create", -1));
  auto instance = std::make_unique<Instance>(table, Instance::Object{self}, ops);
  given.check_all_known(what);
  return instance;
}

std::unique_ptr<NodeBase> as_node(std::unique_ptr<Instance> instance) {
  if (instance->input() == nullptr) return std::make_unique<PluginSource>(std::move(instance));
  return std::make_unique<PluginNode>(std::move(instance));
}

}  // namespace freshframe::plugin

namespace freshframe::native {

using plugin::Instance;

std::unique_ptr<NodeBase> load_node(const std::string& path, const std::string& name, const Options& options,
                                    const PixelOps& ops) {
  const auto symbol = plugin::kSymbolPrefix + name;
  const auto found = plugin::find_symbol(path, symbol);
  if (found.address == nullptr) {
    std::string others;
    for (const auto& other : plugin::exported_names(path, plugin::kSymbolPrefix)) {
      others += (others.empty() ? "; its nodes are '" : ", '") + other + "'";
    }
    throw OptionError("'" + path + "' has no node '" + name + "': it exports no symbol " + symbol +
                      ", which FRESHFRAME_NODE(Class, \"" + name + "\") creates" + others);
  }
  const auto what = "node '" + name + "' of '" + path + "'";
  plugin::check_symbol(found, what);
  const auto* const table = static_cast<const freshframe_node*>(found.address);
  return plugin::as_node(plugin::make_instance(plugin::checked_node(table, what), what, options, ops));
}

std::unique_ptr<NodeBase> object_node(const freshframe_object& object, std::shared_ptr<const void> keep,
                                      const PixelOps& ops) {
  if (object.size < offsetof(freshframe_object, taken) || object.node == nullptr || object.self == nullptr) {
    throw OptionError(
        "the capsule of __freshframe_node__() must point to a freshframe_object with size, node and self "
        "set");
  }
  const auto table = plugin::checked_node(object.node, "this node");
  auto* const taken = plugin::known_part<freshframe_object>(&object, object.size).taken;
  return plugin::as_node(
      std::make_unique<Instance>(table, Instance::Object{object.self, std::move(keep), taken}, ops));
}

void claim(NodeBase& node) {
  if (auto* const named = node.abilities().types) named->claim();
}

void unclaim(NodeBase& node) noexcept {
  if (auto* const named = node.abilities().types) named->unclaim();
}

NodeTypes node_types(NodeBase& node) {
  const auto* const named = node.abilities().types;
  return named != nullptr ? named->types() : NodeTypes{};
}

}  // namespace freshframe::native
