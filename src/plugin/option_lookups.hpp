// The options of one node while it is made: the given values, and the names that the node has looked up.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/abi.h"
#include "freshframe/native.hpp"

#include <set>
#include <string>

namespace freshframe::plugin {

/// One thread.
class OptionLookups {
 public:
  explicit OptionLookups(const native::Options& given);
  OptionLookups(const OptionLookups&) = delete;
  OptionLookups& operator=(const OptionLookups&) = delete;

  [[nodiscard]] const freshframe_options& table() const noexcept { return table_; }
  /// Throws OptionError when an option was given that the node has not looked up.
  void check_all_known(const std::string& node) const;

 private:
  static std::int32_t get(void* self, const char* name, freshframe_option* out) noexcept;

  const native::Options& given_;
  std::set<std::string> asked_;
  freshframe_options table_;
};

}  // namespace freshframe::plugin
