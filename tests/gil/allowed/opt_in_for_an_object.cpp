// The twin of ../refused/opt_in_for_an_object.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

struct Opaque {
  virtual ~Opaque() = default;
};

template <>
inline constexpr bool freshframe::gil::python_free<Opaque> = true;

void work(gil::Held& held, const Opaque& opaque) {
  gil::release(held, [](const Opaque& o) { (void)o; }, opaque);
}
