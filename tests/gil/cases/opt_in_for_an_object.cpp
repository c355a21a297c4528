// An opt-in for what is plainly an object counts for nothing.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds an object of a binding library
#include "freshframe/gil.hpp"

#include <nanobind/nanobind.h>

namespace gil = freshframe::gil;
namespace nb = nanobind;

#ifdef FIXED
struct Opaque {
  virtual ~Opaque() = default;
};

template <>
inline constexpr bool freshframe::gil::python_free<Opaque> = true;

void work(gil::Held& held, const Opaque& opaque) {
  gil::release(held, [](const Opaque& o) { (void)o; }, opaque);
}
#else
template <>
inline constexpr bool freshframe::gil::python_free<nb::list> = true;

void work(gil::Held& held, const nb::list& list) {
  gil::release(held, [](const nb::list& l) { (void)l; }, list);
}
#endif
