// The twin of ../refused/native_thread_with_an_object.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <thread>

#include <nanobind/nanobind.h>

namespace gil = freshframe::gil;
namespace nb = nanobind;

void work(gil::Held& held, nb::object callback) {
  std::jthread thread(
      gil::native_thread, [](gil::Released&, gil::Ref c) { (void)c; }, gil::Ref(held, callback.ptr()));
}
