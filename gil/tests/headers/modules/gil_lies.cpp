// Errors that no compiler sees, made on purpose: each function gives the tokens a false state that
// FRESHFRAME_GIL_CHECKS finds.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include <nanobind/nanobind.h>

namespace nb = nanobind;
namespace gil = freshframe::gil;

namespace {

gil::Held* kept_held = nullptr;
gil::Released* kept_released = nullptr;

// The token's address, by std::addressof, through a static.
void smuggle_into_released_scope(gil::Held& held) {
  kept_held = std::addressof(held);
  gil::release(held, [] { gil::release(*kept_held, [] {}); });
}

// The other thread may not use the token, whether or not it could get the GIL.
void smuggle_to_another_thread(gil::Held& held) {
  std::thread thread([&held] { (void)gil::DeferredFree::instance().drain(held); });
  thread.join();
}

void use_after_its_scope(gil::Held& held) {
  gil::release(held, [](gil::Released& released) {
    gil::acquire(released, [](gil::Held& inner) { kept_held = std::addressof(inner); });
    kept_held->check();
  });
}

void forge(gil::Held& /*held*/) {
  alignas(gil::Held) unsigned char bytes[sizeof(gil::Held)] = {};
  reinterpret_cast<gil::Held&>(bytes).check();
}

union NeverMade {
  NeverMade() : nothing{} {}
  ~NeverMade() {}
  char nothing[sizeof(gil::Held)];
  gil::Held token;
};

void forge_in_a_union(gil::Held& /*held*/) {
  const NeverMade forged;
  forged.token.check();
}

int bound(gil::Held& /*held*/) {
  return 1;
}

// A function for Python, called by C++ that does not have the GIL.
void enter_without_the_gil(gil::Held& held) {
  gil::release(held, [] { (void)gil::entry<&bound>(); });
}

void native_thread_on_a_thread_that_holds(gil::Held& /*held*/) {
  gil::native_thread([](gil::Released& /*released*/) {});
}

// The function of acquire() may capture, also the token of the scope around it.
void acquire_twice(gil::Held& held) {
  gil::release(held, [](gil::Released& released) {
    gil::acquire(released, [&released](gil::Held& /*inner*/) { gil::acquire(released, [](gil::Held&) {}); });
  });
}

// Another thread that holds the GIL and wants the lock would wait for this one, and this one for it.
void wait_for_the_gil_with_a_lock(gil::Held& held) {
  gil::release(held, [](gil::Released& released) {
    static gil::Mutex mutex;
    const std::lock_guard lock(mutex);
    gil::acquire(released, [](gil::Held& /*inner*/) {});
  });
}

void released_token_after_its_scope(gil::Held& held) {
  gil::release(held, [](gil::Released& released) { kept_released = std::addressof(released); });
  kept_released->check();
}

// Found by nanobind's own check, in builds without NDEBUG.
void static_object_while_released(gil::Held& held, const nb::object& object) {
  static nb::object* const kept = new nb::object(object);
  gil::release(held, [] { const nb::object copy = *kept; });
}

// Out of acquire() through a captured variable, found the same way.
void object_captured_by_acquire(gil::Held& held, const nb::object& object) {
  gil::release(
      held,
      [](gil::Released& released, const gil::Ref& ref) {
        nb::object kept;
        gil::acquire(released, [&](gil::Held& inner) { kept = nb::borrow(ref.get(inner)); });
        const nb::object copy = kept;
      },
      gil::Ref(held, object.ptr()));
}

// The reference of a false opt-in, found the same way.
class Picture {
 public:
  explicit Picture(nb::object owner) : owner_(std::move(owner)) {}

 private:
  nb::object owner_;
};

}  // namespace

template <>
inline constexpr bool freshframe::gil::python_free<Picture> = true;

namespace {

void false_opt_in(gil::Held& held, const nb::object& object) {
  const Picture picture(object);
  gil::release(held, [](const Picture& p) { const Picture copy = p; }, picture);
}

}  // namespace

NB_MODULE(gil_lies, module) {
  module.def("smuggle_into_released_scope", gil::entry<&smuggle_into_released_scope>, "GIL: released");
  module.def("smuggle_to_another_thread", gil::entry<&smuggle_to_another_thread>, "GIL: held");
  module.def("use_after_its_scope", gil::entry<&use_after_its_scope>, "GIL: released");
  module.def("forge", gil::entry<&forge>, "GIL: held");
  module.def("forge_in_a_union", gil::entry<&forge_in_a_union>, "GIL: held");
  module.def("enter_without_the_gil", gil::entry<&enter_without_the_gil>, "GIL: released");
  module.def("native_thread_on_a_thread_that_holds", gil::entry<&native_thread_on_a_thread_that_holds>,
             "GIL: held");
  module.def("acquire_twice", gil::entry<&acquire_twice>, "GIL: released");
  module.def("wait_for_the_gil_with_a_lock", gil::entry<&wait_for_the_gil_with_a_lock>, "GIL: released");
  module.def("released_token_after_its_scope", gil::entry<&released_token_after_its_scope>, "GIL: released");
  module.def("static_object_while_released", gil::entry<&static_object_while_released>, "GIL: released");
  module.def("object_captured_by_acquire", gil::entry<&object_captured_by_acquire>, "GIL: released");
  module.def("false_opt_in", gil::entry<&false_opt_in>, "GIL: released");
}
