// Options in the form of the C interface.
// SPDX-License-Identifier: Apache-2.0
#include "plugin/option_lookups.hpp"

#include "freshframe/error.hpp"

#include <cstring>
#include <type_traits>

#include "core/utf8.hpp"

namespace freshframe::plugin {
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

}  // namespace

OptionLookups::OptionLookups(const native::Options& given)
    : given_(given), table_{sizeof(freshframe_options), this, &OptionLookups::get} {}

// NOLINTNEXTLINE(bugprone-exception-escape): without memory for a name the program ends
std::int32_t OptionLookups::get(void* self, const char* name, freshframe_option* out) noexcept {
  if (name == nullptr || out == nullptr) return 0;
  auto& options = *static_cast<OptionLookups*>(self);
  options.asked_.insert(core::utf8_of(name));
  const auto found = options.given_.find(name);
  if (found == options.given_.end()) return 0;
  auto option = to_c(found->second);
  option.size = out->size;
  std::memcpy(out, &option, out->size < sizeof option ? out->size : sizeof option);
  return 1;
}

void OptionLookups::check_all_known(const std::string& node) const {
  for (const auto& [name, value] : given_) {
    if (!asked_.contains(name)) refuse(node, name, asked_);
  }
}

}  // namespace freshframe::plugin
