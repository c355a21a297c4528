// The same with objects of nanobind.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

namespace gil = freshframe::gil;
namespace nb = nanobind;

// case capture_an_object: A Python object is captured.
// expect: gil::release: the function captures something
void work(gil::Held& held, nb::object object) {
#ifdef FIXED
  gil::release(held, [](double value) { (void)value; }, nb::cast<double>(object));
#else
  gil::release(held, [object] { (void)object; });
#endif
}

// case entry_released_with_an_object: The GIL is released around a function that takes an object.
// expect: gil::release: an argument is or holds an object of a binding library
#ifdef FIXED
std::size_t length(gil::Held& /*held*/, const nb::list& list) {
  return list.size();
}
#else
std::size_t length(gil::Released& /*released*/, const nb::list& list) {
  return list.size();
}
#endif

auto bound = gil::entry<&length>;

// case native_thread_with_an_object: An object is passed to a native thread.
// expect: gil::native_thread: an argument is or holds an object of a binding library
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

// case opt_in_for_an_object: An opt-in for what is plainly an object counts for nothing.
// expect: gil::release: an argument is or holds an object of a binding library
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

// case pass_a_closure: A closure may have captured an object.
// expect: gil::release: an argument is or holds a class that cannot be looked into
#ifdef FIXED
void work(gil::Held& held, nb::object /*object*/) {
  const auto closure = [] { return 1; };
  gil::release(held, [](const auto& c) { (void)c; }, closure);
}
#else
void work(gil::Held& held, nb::object object) {
  const auto closure = [object] { return object; };
  gil::release(held, [](const auto& c) { (void)c; }, closure);
}
#endif

// case pass_nb_callable: A callback of Python's.
// expect: gil::release: an argument is or holds an object of a binding library
#ifdef FIXED
void work(gil::Held& held, const gil::Ref& a) {
  gil::release(held, [](const gil::Ref& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const nb::callable& a) {
  gil::release(held, [](const nb::callable& b) { (void)b; }, a);
}
#endif

// case pass_nb_exception: An exception of nanobind's holds the Python one.
// expect: gil::release: an argument is or holds an object of a binding library
#ifdef FIXED
void work(gil::Held& held, const std::string& a) {
  gil::release(held, [](const std::string& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const nb::python_error& a) {
  gil::release(held, [](const nb::python_error& b) { (void)b; }, a);
}
#endif

// case pass_nb_handle: A handle without its own reference.
// expect: gil::release: an argument is or holds an object of a binding library
#ifdef FIXED
void work(gil::Held& held, gil::Ref& a) {
  gil::release(held, [](gil::Ref& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, nb::handle& a) {
  gil::release(held, [](nb::handle& b) { (void)b; }, a);
}
#endif

// case pass_nb_ndarray: An array of nanobind drops its owner when it is destroyed.
// expect: gil::release: an argument is or holds an object of a binding library
#ifdef FIXED
void work(gil::Held& held, const std::span<const double>& a) {
  gil::release(held, [](const std::span<const double>& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const nb::ndarray<const double>& a) {
  gil::release(held, [](const nb::ndarray<const double>& b) { (void)b; }, a);
}
#endif

// case pass_nb_object: An object of nanobind.
// expect: gil::release: an argument is or holds an object of a binding library
#ifdef FIXED
void work(gil::Held& held, const gil::Ref& a) {
  gil::release(held, [](const gil::Ref& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const nb::object& a) {
  gil::release(held, [](const nb::object& b) { (void)b; }, a);
}
#endif

// case pass_nested_struct: A struct in a struct in a struct.
// expect: gil::release: an argument is or holds an object of a binding library
struct Inner {
#ifdef FIXED
  int values;
#else
  nb::list values;
#endif
};

struct Outer {
  int id;
  struct {
    Inner inner;
  } middle;
};

void work(gil::Held& held, const Outer& a) {
  gil::release(held, [](const Outer& b) { (void)b; }, a);
}

// case pass_optional: An optional object.
// expect: gil::release: an argument is or holds an object of a binding library
#ifdef FIXED
void work(gil::Held& held, const std::optional<double>& a) {
  gil::release(held, [](const std::optional<double>& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const std::optional<nb::object>& a) {
  gil::release(held, [](const std::optional<nb::object>& b) { (void)b; }, a);
}
#endif

// case pass_pair: A pair with an object in it.
// expect: gil::release: an argument is or holds an object of a binding library
#ifdef FIXED
using Pair = std::pair<int, double>;
#else
using Pair = std::pair<int, nb::str>;
#endif

void work(gil::Held& held, const Pair& a) {
  gil::release(held, [](const Pair& b) { (void)b; }, a);
}

// case pass_shared_ptr: A shared_ptr to an object.
// expect: gil::release: an argument is or holds an object of a binding library
#ifdef FIXED
void work(gil::Held& held, const std::shared_ptr<gil::Ref>& a) {
  gil::release(held, [](const std::shared_ptr<gil::Ref>& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const std::shared_ptr<nb::object>& a) {
  gil::release(held, [](const std::shared_ptr<nb::object>& b) { (void)b; }, a);
}
#endif

// case pass_span: A span over objects.
// expect: gil::release: an argument is or holds an object of a binding library
#ifdef FIXED
void work(gil::Held& held, const std::span<gil::Ref>& a) {
  gil::release(held, [](const std::span<gil::Ref>& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const std::span<nb::object>& a) {
  gil::release(held, [](const std::span<nb::object>& b) { (void)b; }, a);
}
#endif

// case pass_std_array: A std::array of objects.
// expect: gil::release: an argument is or holds an object of a binding library
#ifdef FIXED
void work(gil::Held& held, const std::array<gil::Ref, 2>& a) {
  gil::release(held, [](const std::array<gil::Ref, 2>& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const std::array<nb::object, 2>& a) {
  gil::release(held, [](const std::array<nb::object, 2>& b) { (void)b; }, a);
}
#endif

// case pass_unordered_map: A hash table of objects.
// expect: gil::release: an argument is or holds an object of a binding library
#ifdef FIXED
using Map = std::unordered_map<int, gil::Ref>;
#else
using Map = std::unordered_map<int, nb::object>;
#endif

void work(gil::Held& held, const Map& a) {
  gil::release(held, [](const Map& b) { (void)b; }, a);
}

// case pass_variant: A variant that may be an object.
// expect: gil::release: an argument is or holds an object of a binding library
#ifdef FIXED
using Variant = std::variant<int, gil::Ref>;
#else
using Variant = std::variant<int, nb::object>;
#endif

void work(gil::Held& held, const Variant& a) {
  gil::release(held, [](const Variant& b) { (void)b; }, a);
}

// case pass_vector: A vector of objects.
// expect: gil::release: an argument is or holds an object of a binding library
#ifdef FIXED
void work(gil::Held& held, const std::vector<gil::Ref>& a) {
  gil::release(held, [](const std::vector<gil::Ref>& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const std::vector<nb::object>& a) {
  gil::release(held, [](const std::vector<nb::object>& b) { (void)b; }, a);
}
#endif

// case return_an_object_from_acquire: An object comes out of acquire() into a scope without the GIL.
// expect: gil::acquire: the result is or holds an object of a binding library
void work(gil::Released& released, const gil::Ref& ref) {
#ifdef FIXED
  const double value =
      gil::acquire(released, [&](gil::Held& held) { return nb::cast<double>(nb::borrow(ref.get(held))); });
  (void)value;
#else
  const nb::object object =
      gil::acquire(released, [&](gil::Held& held) { return nb::borrow(ref.get(held)); });
  (void)object;
#endif
}

// case return_nb_object: An object of nanobind comes out of a released scope.
// expect: gil::release: the result is or holds an object of a binding library
nb::object work(gil::Held& held) {
#ifdef FIXED
  return nb::cast(gil::release(held, [] { return 1; }));
#else
  return gil::release(held, [] { return nb::object(); });
#endif
}
