// The tokens in a module of nanobind.
// SPDX-License-Identifier: Apache-2.0
#include "shared.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

namespace nb = nanobind;
namespace gil = freshframe::gil;

namespace {

using Array = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

double total(gil::Held& held, const Array& values) {
  return gil::release(held, &shared::total, std::span<const double>(values.data(), values.size()));
}

int meet(gil::Released& /*released*/, int parties) {
  return shared::meet(parties);
}

void throw_released(gil::Held& held) {
  gil::release(held, &shared::throw_out_of_range);
}

void call(gil::Held& held, const gil::Ref& callback) {
  nb::borrow(callback.get(held))();
}

void call_back(gil::Held& held, const nb::object& callback) {
  const gil::Ref ref(held, callback.ptr());
  gil::release(
      held, [](gil::Released& released, const gil::Ref& r) { gil::acquire(released, &call, r); }, ref);
}

void call_on_native_thread(gil::Held& held, const nb::object& callback, int times) {
  shared::call_on_native_thread<&call>(held, gil::Ref(held, callback.ptr()), times);
}

std::size_t drop_on_native_thread(gil::Held& held, const nb::object& object) {
  return shared::drop_on_native_thread(held, gil::Ref(held, object.ptr()));
}

// Keeps an object; bound by its methods.
class Keeper {
 public:
  Keeper(gil::Held& held, nb::handle object) : kept_(held, object.ptr()) {}
  [[nodiscard]] nb::object kept(gil::Held& held) const { return nb::borrow(kept_.get(held)); }
  int meet(gil::Released& /*released*/, int parties) const { return shared::meet(parties); }

 private:
  gil::Ref kept_;
};

// Calls a function again and again on its own thread, which its destructor joins.
class Caller {
 public:
  Caller(gil::Held& held, const nb::callable& function, double period)
      : thread_(gil::native_thread, &Caller::run, gil::Ref(held, function.ptr()), period, std::ref(stop_)) {}
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;
  ~Caller() { gil::entry<&Caller::stop>(*this); }

  void stop(gil::Held& held) {
    stop_ = true;
    gil::release(
        held, [](gil::Released& released, std::thread& thread) { gil::join(released, thread); }, thread_);
  }

 private:
  static void run(gil::Released& released, const gil::Ref& function, double period,
                  const std::atomic<bool>& stop) {
    while (!stop) {
      gil::acquire(released, &call, function);
      std::this_thread::sleep_for(std::chrono::duration<double>(period));
    }
  }

  std::atomic<bool> stop_{false};
  std::thread thread_;  // last, so that it starts when the rest is there
};

}  // namespace

template <>
inline constexpr bool gil::python_free<Keeper> = true;

NB_MODULE(gil_nanobind, module) {
  module.def("total", gil::entry<&total>, "Adds an array of float64. GIL: released");
  module.def("meet", gil::entry<&meet>, "Waits for other threads in here. GIL: released while waiting");
  module.def("throw_released", gil::entry<&throw_released>, "Throws. GIL: released");
  module.def("nested", gil::entry<&shared::nested>, "Releases twice, with an acquire between. GIL: released");
  module.def("call_back", gil::entry<&call_back>, "Calls from a released scope. GIL: released");
  module.def("call_on_native_thread", gil::entry<&call_on_native_thread>, "GIL: released while waiting");
  module.def("drop_on_native_thread", gil::entry<&drop_on_native_thread>, "GIL: released while waiting");
  nb::class_<Keeper>(module, "Keeper")
      .def("__init__", gil::entry<[](gil::Held& held, Keeper* self, const nb::object& object) {
             new (self) Keeper(held, object);
           }>)
      .def("kept", gil::entry<&Keeper::kept>, "The number that it keeps. GIL: held")
      .def("meet", gil::entry<&Keeper::meet>, "Waits for other threads. GIL: released while waiting");
  nb::class_<Caller>(module, "Caller")
      .def("__init__", gil::entry<[](gil::Held& held, Caller* self, const nb::callable& function,
                                     double period) { new (self) Caller(held, function, period); }>)
      .def("stop", gil::entry<&Caller::stop>, "GIL: released while waiting");
}
