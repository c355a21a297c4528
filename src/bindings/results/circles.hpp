// Converts native circles to Python's Circles, and reuses objects that the program has dropped.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include "freshframe/sample.hpp"
#include "freshframe/vision.hpp"

#include <nanobind/nanobind.h>

namespace freshframe::python {

// Note [Results are used again] A game reads the newest result once per frame, after decoding and tracking
// have replaced the contents of its caches. Each cache line counts then: the six arrays of a result took 25
// us to make and 20 us to free. So the objects of a small result stay in a pool. When the program has dropped
// all of them (the pool's references are the only ones) and the next result has as many circles, its numbers
// are copied into the same memory. As long as the program holds one of the objects, or a view of an array,
// all of them stay unchanged.

/// `circles` belongs to `value`. The arrays are copies of a small result, and views of a large one.
[[nodiscard]] nanobind::object circles_to_python(gil::Held& held, const ValueRef& value,
                                                 const Circles& circles);
/// Frees the pool's objects when the interpreter exits.
void forget_pooled_circles(gil::Held& held);

}  // namespace freshframe::python
