// uselocale().
// SPDX-License-Identifier: Apache-2.0
#include "platform/decimal_point.hpp"

#include "freshframe/forks.hpp"

#include <clocale>

namespace freshframe::platform {
namespace {

/// Null if out of memory; uselocale() then changes nothing.
struct LocaleOfC {
  locale_t locale = ::newlocale(LC_ALL_MASK, "C", nullptr);
};

}  // namespace

DecimalPoint::DecimalPoint() : before_(::uselocale(forks::ProcessWide<LocaleOfC>::get().locale)) {}

DecimalPoint::~DecimalPoint() {
  static_cast<void>(::uselocale(static_cast<locale_t>(before_)));
}

}  // namespace freshframe::platform
