// An object is passed to a native thread.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::native_thread: an argument is or holds an object of a binding library
#include "freshframe/gil.hpp"

#include <thread>
#include <utility>

#include <nanobind/nanobind.h>

namespace gil = freshframe::gil;
namespace nb = nanobind;

#ifdef FIXED
void work(gil::Held& held, nb::object callback) {
  std::jthread thread(
      gil::native_thread, [](gil::Released&, gil::Ref c) { (void)c; }, gil::Ref(held, callback.ptr()));
}
#else
void work(gil::Held& /*held*/, nb::object callback) {
  std::jthread thread(
      gil::native_thread, [](gil::Released&, nb::object& c) { (void)c; }, std::move(callback));
}
#endif
