// Which types are PythonFree, decided while compiling.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <any>
#include <coroutine>
#include <deque>
#include <exception>
#include <locale>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

namespace nb = nanobind;
namespace gil = freshframe::gil;

namespace {

template <class... T>
constexpr bool all_free = (gil::PythonFree<T> && ...);
template <class... T>
constexpr bool none_free = (!gil::PythonFree<T> && ...);

struct Roi {
  int x, y, w, h;
};
struct Job {
  std::span<const double> values;
  Roi roi;
  std::string name;
  std::optional<float> threshold;
  float matrix[16];
  char text[256];
};
struct Node {
  int value;
  Node* next;
};
struct Tree {
  int value;
  std::vector<Tree> children;
};
struct Empty {};
struct Bits {
  int a : 3;
  unsigned b : 5;
};
struct ConstReference {
  const std::vector<int>& values;
};
struct OnlyMoves {
  std::unique_ptr<int> pointer;
  std::atomic<int> count;
  gil::Ref ref;
};
static_assert(
    all_free<int, const double&, std::nullptr_t, Job, const Job&, Node*, Tree, Empty, Bits, ConstReference>);
static_assert(all_free<OnlyMoves, gil::Ref, gil::Ref&, std::vector<gil::Ref>, std::shared_ptr<const Job>>);
static_assert(all_free<std::string, std::map<std::string, int>, std::unordered_map<int, std::deque<float>>>);
static_assert(all_free<std::set<int>, std::unique_ptr<int[]>, std::chrono::steady_clock::time_point>);
static_assert(all_free<double (*)(double), std::variant<int, std::monostate>, std::stop_token, gil::Mutex&>);
static_assert(
    all_free<int Roi::*, std::reference_wrapper<Job>, std::complex<float>, std::span<const Roi, 4>>);

struct Object {
  int id;
  PyObject* object;
};
struct Handle {
  int id;
  nb::object object;
};
struct VoidPointer {
  void* user;
};
struct ArrayOfObjects {
  char name[40];
  PyObject* objects[3];
};
struct Deep {
  int id;
  std::vector<Deep> children;
  std::optional<Handle> handle;
};
struct Base {
  PyObject* object;
};
struct Derived : Base {
  int id;
};
union Union {
  int number;
  PyObject* object;
};
struct UnnamedUnion {
  int kind;
  union {
    int number;
    PyObject* object;
  };
};
struct HoldsToken {
  gil::Held& held;
};
struct Function {
  std::function<void()> function;
};
struct Any {
  std::any any;
  int id;
};
struct Extension {
  PyObject_HEAD int frames;
};
struct Declared;
struct Pretender {  // claims, as a tuple, to be a number
  PyObject* object;
};

}  // namespace

template <>
struct std::tuple_size<Pretender> : std::integral_constant<std::size_t, 1> {};
template <>
struct std::tuple_element<0, Pretender> {
  using type = int;
};
template <>
inline constexpr bool freshframe::gil::python_free<PyDictObject*> = true;
template <>
inline constexpr bool freshframe::gil::python_free<PyBytesObject> = true;

namespace {

template <std::size_t N>
int get(const Pretender& /*value*/) {
  return 0;
}
static_assert(none_free<Pretender, PyDictObject*, PyBytesObject, PyBytesObject*, const std::exception&>);
static_assert(
    none_free<PyObject*, PyObject**, PyTypeObject*, PyListObject*, Extension*, Py_buffer, PyThreadState*>);
static_assert(none_free<nb::object, nb::handle, nb::list, nb::ndarray<>, nb::python_error>);
static_assert(none_free<Object, Handle, VoidPointer, ArrayOfObjects, Deep, Derived, Union, UnnamedUnion>);
static_assert(
    none_free<std::vector<Object>, std::shared_ptr<Handle>, std::pair<int, nb::str>, std::deque<nb::object>>);
static_assert(
    none_free<std::map<int, nb::object>, std::unordered_map<int, PyObject*>, std::array<nb::object, 2>>);
static_assert(
    none_free<gil::Held, gil::Held&, gil::Held*, gil::Released&, HoldsToken, std::tuple<gil::Held&>>);
static_assert(
    none_free<std::optional<std::reference_wrapper<gil::Held>>, void*, Function, Any, std::any, Declared*>);
static_assert(none_free<std::exception_ptr, std::coroutine_handle<>, PyCFunction, PyObject* (*)(),
                        std::thread* (*)(void*)>);
static_assert(none_free<std::shared_ptr<void>, std::shared_ptr<const void>*, std::weak_ptr<void>,
                        std::atomic<std::shared_ptr<void>>, std::pair<int, std::weak_ptr<const void>>>);
static_assert(none_free<std::unique_ptr<void, void (*)(void*)>, std::unique_ptr<PyObject>, std::locale>);
static_assert(all_free<std::unique_ptr<Node>, std::shared_ptr<int[]>, std::weak_ptr<Tree>>);

// release() returns a copy, so the entry of a released function does too, or it would refer to what has gone.
[[maybe_unused]] const std::string& name_of(gil::Released& /*released*/) {
  static const std::string name;
  return name;
}
static_assert(std::is_same_v<decltype(gil::entry<&name_of>()), std::string>);

}  // namespace
