// Mistakes with releases and their results, entries, threads and references.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>

namespace gil = freshframe::gil;

// case acquire_while_held: The GIL is taken where it is held.
// expect: gil::acquire: the GIL is already held in this scope
#ifdef FIXED
void work(gil::Released& released) {
  gil::acquire(released, [](gil::Held&) {});
}
#else
void work(gil::Held& held) {
  gil::acquire(held, [](gil::Held&) {});
}
#endif

// case acquire_with_a_const_token: A const token takes nothing.
// expect: gil::acquire: needs this scope's token as gil::Released&, not const
#ifdef FIXED
void work(gil::Released& released) {
  gil::acquire(released, [](gil::Held&) {});
}
#else
void work(const gil::Released& released) {
  gil::acquire(released, [](gil::Held&) {});
}
#endif

// case acquire_without_a_parameter: The function does not take the token that it is given.
// expect: gil::acquire: the function cannot be called as f(gil::Held&, args...)
void work(gil::Released& released) {
#ifdef FIXED
  gil::acquire(released, [](gil::Held&) {});
#else
  gil::acquire(released, [] {});
#endif
}

// case c_entry_without_a_failure_value: A function of the C API whose result cannot say that it failed.
// expect: gil::c_entry: a failure is reported as nullptr or -1
#ifdef FIXED
int work(gil::Held& /*held*/) {
  return 1;
}
#else
unsigned work(gil::Held& /*held*/) {
  return 1;
}
#endif

auto bound = gil::c_entry<&work>;

// case call_python_while_released: A function that calls Python is called while the GIL is released.
// expect: the GIL is already released here and the called function needs gil::Held
void report(gil::Held& held, const gil::Ref& callback) {
  Py_XDECREF(PyObject_CallNoArgs(callback.get(held)));
}

void work(gil::Held& held, const gil::Ref& callback) {
#ifdef FIXED
  gil::release(
      held, [](gil::Released& released, const gil::Ref& c) { gil::acquire(released, &report, c); }, callback);
#else
  gil::release(held, [](gil::Released& released, const gil::Ref& c) { report(released, c); }, callback);
#endif
}

// case call_released_work_while_held: A function for released code is called with the GIL held.
// expect: the GIL is held here and the called function needs gil::Released
int slow(gil::Released& /*released*/) {
  return 1;
}

int work(gil::Held& held) {
#ifdef FIXED
  return gil::release(held, &slow);
#else
  return slow(held);
#endif
}

// case capture_a_number: Even a number is passed, not captured: the compiler cannot distinguish captures.
// expect: gil::release: the function captures something
int work(gil::Held& held, int n) {
#ifdef FIXED
  return gil::release(held, [](int m) { return m + 1; }, n);
#else
  return gil::release(held, [n] { return n + 1; });
#endif
}

// case capture_by_reference: Everything is captured by reference.
// expect: gil::release: the function captures something
double work(gil::Held& held, std::span<const double> values) {
#ifdef FIXED
  return gil::release(held, [](std::span<const double> v) { return v.front(); }, values);
#else
  return gil::release(held, [&] { return values.front(); });
#endif
}

// case clear_a_ref_while_released: An object is freed while the GIL is released.
// expect: the GIL is already released here and the called function needs gil::Held
void work(gil::Held& held, gil::Ref& ref) {
#ifdef FIXED
  gil::release(held, [](gil::Ref& r) { r = gil::Ref(); }, ref);
#else
  gil::release(held, [](gil::Released& released, gil::Ref& r) { r.clear(released); }, ref);
#endif
}

// case clone_a_ref_while_released: A second reference is made while the GIL is released.
// expect: the GIL is already released here and the called function needs gil::Held
#ifdef FIXED
gil::Ref work(gil::Held& held, const gil::Ref& ref) {
  return ref.clone(held);
}
#else
void work(gil::Held& held, const gil::Ref& ref) {
  gil::release(held, [](gil::Released& released, const gil::Ref& r) { (void)r.clone(released); }, ref);
}
#endif

// case copy_a_ref: A second reference is made without the GIL.
// expect: deleted
#ifdef FIXED
gil::Ref twin(gil::Held& held, const gil::Ref& ref) {
  return ref.clone(held);
}
#else
gil::Ref twin(gil::Held& /*held*/, const gil::Ref& ref) {
  return ref;
}
#endif

// case copy_a_ref_into_a_released_scope: A reference to an object is copied on its way.
// expect: what cannot be copied, like gil::Ref, is moved or taken by reference
void work(gil::Held& held, PyObject* a) {
  gil::Ref kept(held, a);
#ifdef FIXED
  gil::release(held, [](const gil::Ref& b) { (void)b; }, kept);
  gil::release(held, [](gil::Ref b) { (void)b; }, std::move(kept));
#else
  gil::release(held, [](gil::Ref b) { (void)b; }, kept);
#endif
}

// case drain_while_released: Waiting objects are freed while the GIL is released.
// expect: the GIL is already released here and the called function needs gil::Held
void work(gil::Held& held) {
#ifdef FIXED
  (void)gil::DeferredFree::instance().drain(held);
#else
  gil::release(held, [](gil::Released& released) { (void)gil::DeferredFree::instance().drain(released); });
#endif
}

// case entry_of_a_lambda_without_a_token: A bound lambda without a token.
// expect: gil::entry: the function must take gil::Held& or gil::Released& as its first parameter
#ifdef FIXED
int (*bound)(int) = gil::entry<[](gil::Held& /*held*/, int n) { return n; }>;
int (*bound_slow)(int) = gil::entry<[](gil::Released& /*released*/, int n) noexcept { return n; }>;
PyObject* (*for_c)(PyObject*, PyObject*) =
    gil::c_entry<[](gil::Held& /*held*/, PyObject* /*module*/, PyObject* a) { return Py_NewRef(a); }>;
#else
auto bound = gil::entry<[](int n) { return n; }>;
#endif

// case entry_of_a_method_without_a_token: A bound method without a token.
// expect: gil::entry: the function must take gil::Held& or gil::Released& as its first parameter
#ifdef FIXED
struct Job {
  int id = 0;
  int number(gil::Held& /*held*/) { return id; }
  int constant(gil::Held& /*held*/) const noexcept { return id; }
  int slow(gil::Released& /*released*/, int n) const { return id + n; }
};

int (*bound)(Job&) = gil::entry<&Job::number>;
int (*bound_constant)(const Job&) = gil::entry<&Job::constant>;
int (*bound_slow)(const Job&, int) = gil::entry<&Job::slow>;
#else
struct Job {
  int id = 0;
  int number() { return id; }
};

auto bound = gil::entry<&Job::number>;
#endif

// case entry_of_a_released_method_of_a_closed_class: A method without the GIL of a class that may hold
// anything.
// expect: gil::release: an argument is or holds a class that cannot be looked into
class Job {
 public:
  int number(gil::Released& /*released*/) { return id_; }

 private:
  int id_ = 0;
};

#ifdef FIXED
template <>
inline constexpr bool freshframe::gil::python_free<Job> = true;

#endif
auto bound = gil::entry<&Job::number>;

// case entry_with_two_tokens: A bound function that wants a second token.
// expect: gil::entry: the function takes a second token
#ifdef FIXED
int work(gil::Held& /*held*/, int n) {
  return n;
}
#else
int work(gil::Held& /*held*/, gil::Released& /*released*/) {
  return 1;
}
#endif

auto bound = gil::entry<&work>;

// case entry_without_a_token: A bound function without a token.
// expect: gil::entry: the function must take gil::Held& or gil::Released& as its first parameter
#ifdef FIXED
int work(gil::Held& /*held*/, int n) {
  return n;
}
#else
int work(int n) {
  return n;
}
#endif

auto bound = gil::entry<&work>;

// case join_while_held: A thread that may want the GIL is waited for with it.
// expect: gil: the GIL is held here and the called function needs gil::Released
void stop(gil::Held& held, std::thread& thread) {
#ifdef FIXED
  gil::release(held, [](gil::Released& released, std::thread& t) { gil::join(released, t); }, thread);
#else
  gil::join(held, thread);
#endif
}

// case native_thread_captures: A native thread's function captures something.
// expect: gil::native_thread: the function captures something
void work(int n) {
#ifdef FIXED
  gil::native_thread([](gil::Released&, int m) { (void)m; }, n);
#else
  gil::native_thread([n](gil::Released&) { (void)n; });
#endif
}

// case native_thread_without_a_parameter: A native thread's function does not take its token.
// expect: gil::native_thread: the function cannot be called as f(gil::Released&, args...)
void work() {
#ifdef FIXED
  gil::native_thread([](gil::Released&) {});
#else
  gil::native_thread([] {});
#endif
}

// case release_a_bound_function: A function with bound arguments captures them.
// expect: gil::release: the function captures something
int next(int n) {
  return n + 1;
}

int work(gil::Held& held, int n) {
#ifdef FIXED
  return gil::release(held, &next, n);
#else
  return gil::release(held, std::bind_front(&next, n));
#endif
}

// case release_a_std_function: A std::function may hold captures.
// expect: gil::release: the function captures something
#ifdef FIXED
void work(gil::Held& held, void (*function)()) {
  gil::release(held, function);
}
#else
void work(gil::Held& held, const std::function<void()>& function) {
  gil::release(held, function);
}
#endif

// case release_recursively: A Fibonacci function that lets the GIL go and calls itself.
// expect: the GIL is already released here and the called function needs gil::Held
#ifdef FIXED
std::uint64_t fibonacci(gil::Released& released, std::uint64_t n) {
  return n < 2 ? n : fibonacci(released, n - 1) + fibonacci(released, n - 2);
}

std::uint64_t bound(gil::Held& held, std::uint64_t n) {
  return gil::release(held, &fibonacci, n);
}
#else
std::uint64_t fibonacci(gil::Held& held, std::uint64_t n) {
  if (n < 2) return n;
  return gil::release(
      held,
      [](gil::Released& released, std::uint64_t k) {
        return fibonacci(released, k - 1) + fibonacci(released, k - 2);
      },
      n);
}
#endif

// case release_twice: A second release in the same scope.
// expect: gil::release: the GIL is already released in this scope
void work(gil::Held& held) {
#ifdef FIXED
  gil::release(held, [](gil::Released& /*released*/) {});
#else
  gil::release(held, [](gil::Released& released) { gil::release(released, [] {}); });
#endif
}

// case release_twice_in_a_function: A function that is called with the GIL released releases it again.
// expect: gil::release: the GIL is already released in this scope
#ifdef FIXED
int inner(gil::Released& /*released*/) {
  return 1;
}
#else
int inner(gil::Released& released) {
  return gil::release(released, [] { return 1; });
}
#endif

int outer(gil::Held& held) {
  return gil::release(held, &inner);
}

// case release_twice_in_a_template: A template that releases whatever token it is given.
// expect: gil::release: the GIL is already released in this scope
template <class Token>
void inner(Token& token) {
  gil::release(token, [] {});
}

void outer(gil::Held& held) {
#ifdef FIXED
  inner(held);
#else
  gil::release(held, [](gil::Released& released) { inner(released); });
#endif
}

// case release_what_cannot_be_called: The arguments do not fit the function.
// expect: gil::release: the function can be called neither as f(gil::Released&, args...) nor as f(args...)
int work(gil::Held& held) {
#ifdef FIXED
  return gil::release(held, [](int a, int b) { return a + b; }, 1, 2);
#else
  return gil::release(held, [](int a, int b) { return a + b; }, 1);
#endif
}

// case released_function_takes_held: The released function asks for the other token.
// expect: the GIL is already released here and the called function needs gil::Held
void work(gil::Held& held) {
#ifdef FIXED
  gil::release(held, [](gil::Released& /*inner*/) {});
#else
  gil::release(held, [](gil::Held& /*inner*/) {});
#endif
}

// case touch_a_ref_while_released: A Python object is touched without the GIL.
// expect: gil::Ref::get: the GIL is released here
bool work(gil::Held& held, const gil::Ref& ref) {
  return gil::release(
#ifdef FIXED
      held,
      [](gil::Released& released, const gil::Ref& r) {
        return gil::acquire(released, [&r](gil::Held& again) { return r.get(again) != nullptr; });
      },
      ref);
#else
      held, [](gil::Released& released, const gil::Ref& r) { return r.get(released) != nullptr; }, ref);
#endif
}

// case use_the_result_of_a_refused_release: The result is used: no second error for that.
// expect: gil::release: an argument is or holds a PyObject*
std::size_t work(gil::Held& held, PyObject* a) {
  const auto line =
#ifdef FIXED
      gil::release(held, [](bool b) { return std::optional<std::string>(b ? "yes" : "no"); }, a != nullptr);
#else
      gil::release(held, [](PyObject* b) { return std::optional<std::string>(b ? "yes" : "no"); }, a);
#endif
  return line->size() + (*line).size();
}

// case return_a_closure: A closure comes out of a released scope.
// expect: gil::release: the result is or holds a class that cannot be looked into
int work(gil::Held& held) {
#ifdef FIXED
  const auto closure = gil::release(held, [](int) { return [] { return 1; }; }, 1);
  return closure();
#else
  const auto closure = gil::release(held, [](int n) { return [n] { return n; }; }, 1);
  (void)closure;
  return 1;
#endif
}

// case return_pyobject: A PyObject* comes out of a released scope.
// expect: gil::release: the result is or holds a PyObject*
PyObject* work(gil::Held& held) {
#ifdef FIXED
  return PyLong_FromLong(gil::release(held, [] { return 1L; }));
#else
  return gil::release(held, [] { return Py_None; });
#endif
}

// case return_struct_with_object: A struct with an object comes out of a released scope.
// expect: gil::release: the result is or holds a PyObject*
#ifdef FIXED
struct Result {
  double value;
  gil::Ref label;
};

double work(gil::Held& held) {
  const Result result = gil::release(held, [] { return Result{1.0, {}}; });
  return result.value;
}
#else
struct Result {
  double value;
  PyObject* label;
};

double work(gil::Held& held) {
  const Result result = gil::release(held, [] { return Result{1.0, nullptr}; });
  return result.value;
}
#endif
