// Arguments of a release that are or may hold an object of Python.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <any>
#include <condition_variable>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <locale>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <variant>
#include <vector>

namespace gil = freshframe::gil;

// case pass_a_derived_struct: A base class may hide an object.
// expect: gil::release: an argument is or holds a class that cannot be looked into
#ifdef FIXED
struct Base {
  int priority;
};

struct Job {
  Base base;
  int id;
};
#else
struct Base {
  PyObject* callback;
};

struct Job : Base {
  int id;
};
#endif

void work(gil::Held& held, const Job& a) {
  gil::release(held, [](const Job& b) { (void)b; }, a);
}

// case pass_a_function_of_objects: A function of the C API.
// expect: gil::release: an argument is or holds a std::function, or a function of Python objects
#ifdef FIXED
using Function = double (*)(double);

void work(gil::Held& held, Function function) {
  gil::release(held, [](Function f) { (void)f(1.0); }, function);
}
#else
void work(gil::Held& held, PyCFunction function) {
  gil::release(held, [](PyCFunction f) { (void)f; }, function);
}
#endif

// case pass_a_packaged_task: A task may hold any callable; threads, locks and files hold none.
// expect: gil::release: an argument is or holds a class that cannot be looked into
#ifdef FIXED
struct Worker {
  std::thread thread;
  std::jthread second;
  std::mutex mutex;
  std::shared_mutex shared;
  std::condition_variable wake_up;
  std::stop_source stop;
  std::filesystem::path path;
  std::ofstream file;
};

void work(gil::Held& held, Worker& a, std::unique_lock<std::mutex>& lock, std::stop_token stop) {
  gil::release(
      held,
      [](Worker& b, std::unique_lock<std::mutex>& l, const std::stop_token& s) {
        if (!s.stop_requested()) b.wake_up.wait(l);
      },
      a, lock, stop);
}
#else
void work(gil::Held& held, std::packaged_task<void()>& a) {
  gil::release(held, [](std::packaged_task<void()>& b) { b(); }, a);
}
#endif

// case pass_a_struct_of_many_members: More members than the compiler is made to count.
// expect: gil::release: an argument is or holds a class that cannot be looked into
struct Job {
  int a, b, c, d, e, f, g, h, i, j, k, l;
#ifndef FIXED
  PyObject* callback;
#endif
};

void work(gil::Held& held, const Job& a) {
  gil::release(held, [](const Job& b) { (void)b; }, a);
}

// case pass_a_struct_with_unnamed_union: The members of an unnamed union are invisible.
// expect: gil::release: an argument is or holds a class that cannot be looked into
struct Value {
  int kind;
#ifdef FIXED
  double number;
#else
  union {
    double number;
    PyObject* object;
  };
#endif
};

void work(gil::Held& held, const Value& a) {
  gil::release(held, [](const Value& b) { (void)b; }, a);
}

// case pass_a_tree_with_objects: A type that refers to itself is looked into once, and all of it.
// expect: gil::release: an argument is or holds a PyObject*
struct Tree {
  std::vector<Tree> children;
#ifdef FIXED
  gil::Ref label;
#else
  PyObject* label;
#endif
};

void work(gil::Held& held, const Tree& a) {
  gil::release(held, [](const Tree& b) { (void)b; }, a);
}

// case pass_a_union: A union may be an object.
// expect: gil::release: an argument is or holds a class that cannot be looked into
#ifdef FIXED
using Value = std::variant<double, gil::Ref>;
#else
union Value {
  double number;
  PyObject* object;
};
#endif

void work(gil::Held& held, const Value& a) {
  gil::release(held, [](const Value& b) { (void)b; }, a);
}

// case pass_an_incomplete_type: A type that is only declared.
// expect: gil::release: an argument is or holds a class that cannot be looked into
#ifdef FIXED
struct Job {
  int id;
};
#else
struct Job;
#endif

void work(gil::Held& held, const Job* a) {
  gil::release(held, [](const Job* b) { (void)b; }, a);
}

// case pass_any: A std::any may be an object.
// expect: gil::release: an argument is or holds a class that cannot be looked into
#ifdef FIXED
void work(gil::Held& held, const std::variant<int, double>& a) {
  gil::release(held, [](const std::variant<int, double>& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const std::any& a) {
  gil::release(held, [](const std::any& b) { (void)b; }, a);
}
#endif

// case pass_c_array: A C array of objects.
// expect: gil::release: an argument is or holds a PyObject*
#ifdef FIXED
using X = gil::Ref[2];
#else
using X = PyObject* [2];
#endif

void work(gil::Held& held, X& a) {
  gil::release(held, [](X& b) { (void)b; }, a);
}

// case pass_coroutine_handle: A coroutine's frame may hold anything.
// expect: gil::release: an argument is or holds a class that cannot be looked into
#ifdef FIXED
void work(gil::Held& held, const int& a) {
  gil::release(held, [](const int& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const std::coroutine_handle<>& a) {
  gil::release(held, [](const std::coroutine_handle<>& b) { (void)b; }, a);
}
#endif

// case pass_exception_ptr: A stored exception may be the binding library's, which holds an object.
// expect: gil::release: an argument is or holds a class that cannot be looked into
#ifdef FIXED
template <>
inline constexpr bool freshframe::gil::python_free<std::error_code> = true;

void work(gil::Held& held, const std::error_code& a) {
  gil::release(held, [](const std::error_code& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const std::exception_ptr& a) {
  gil::release(held, [](const std::exception_ptr& b) { (void)b; }, a);
}
#endif

// case pass_interpreter_state: The interpreter's own records.
// expect: gil::release: an argument is or holds a PyObject*
#ifdef FIXED
void work(gil::Held& held, int a) {
  gil::release(held, [](int b) { (void)b; }, a);
}
#else
void work(gil::Held& held, PyInterpreterState* a) {
  gil::release(held, [](PyInterpreterState* b) { (void)b; }, a);
}
#endif

// case pass_locale: A locale owns facets, which may be classes with Python objects in them.
// expect: gil::release: an argument is or holds a class that cannot be looked into
#ifdef FIXED
void work(gil::Held& held, const std::string& a) {
  gil::release(held, [](const std::string& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const std::locale& a) {
  gil::release(held, [](const std::locale& b) { (void)b; }, a);
}
#endif

// case pass_map: A map of objects.
// expect: gil::release: an argument is or holds a PyObject*
#ifdef FIXED
using Map = std::map<std::string, gil::Ref>;
#else
using Map = std::map<std::string, PyObject*>;
#endif

void work(gil::Held& held, const Map& a) {
  gil::release(held, [](const Map& b) { (void)b; }, a);
}

// case pass_optional_weak_ptr_to_void: Perhaps a handle.
// expect: gil::release: an argument is or holds a void* or a smart pointer to void
#ifdef FIXED
void work(gil::Held& held, const std::optional<std::weak_ptr<int>>& a) {
  gil::release(held, [](const std::optional<std::weak_ptr<int>>& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const std::optional<std::weak_ptr<void>>& a) {
  gil::release(held, [](const std::optional<std::weak_ptr<void>>& b) { (void)b; }, a);
}
#endif

// case pass_own_object: An extension type's struct begins with PyObject_HEAD.
// expect: gil::release: an argument is or holds a PyObject*
struct State {
  int frames;
};

struct Camera {
  PyObject_HEAD State state;
};

#ifdef FIXED
void work(gil::Held& held, State* a) {
  gil::release(held, [](State* b) { (void)b; }, a);
}
#else
void work(gil::Held& held, Camera* a) {
  gil::release(held, [](Camera* b) { (void)b; }, a);
}
#endif

// case pass_pointer_to_pyobjects: An array of objects, as METH_FASTCALL gives it.
// expect: gil::release: an argument is or holds a PyObject*
#ifdef FIXED
void work(gil::Held& held, double const* a) {
  gil::release(held, [](double const* b) { (void)b; }, a);
}
#else
void work(gil::Held& held, PyObject* const* a) {
  gil::release(held, [](PyObject* const* b) { (void)b; }, a);
}
#endif

// case pass_pointer_to_struct: A pointer to what holds an object.
// expect: gil::release: an argument is or holds a PyObject*
struct Job {
#ifdef FIXED
  gil::Ref callback;
#else
  PyObject* callback;
#endif
};

void work(gil::Held& held, const Job* a) {
  gil::release(held, [](const Job* b) { (void)b; }, a);
}

// case pass_private_members: Private members cannot be looked into.
// expect: gil::release: an argument is or holds a class that cannot be looked into
class Job {
 public:
  explicit Job(int id) : id_(id) {}
  [[nodiscard]] int id() const { return id_; }

 private:
  int id_;
};

#ifdef FIXED
template <>
inline constexpr bool freshframe::gil::python_free<Job> = true;

#endif
void work(gil::Held& held, const Job& a) {
  gil::release(held, [](const Job& b) { (void)b; }, a);
}

// case pass_py_buffer: A Py_buffer holds a reference to its object.
// expect: gil::release: an argument is or holds a PyObject*
#ifdef FIXED
void work(gil::Held& held, const std::span<const double>& a) {
  gil::release(held, [](const std::span<const double>& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const Py_buffer& a) {
  gil::release(held, [](const Py_buffer& b) { (void)b; }, a);
}
#endif

// case pass_pyobject: A PyObject* as an argument.
// expect: gil::release: an argument is or holds a PyObject*
#ifdef FIXED
void work(gil::Held& held, gil::Ref& a) {
  gil::release(held, [](gil::Ref& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, PyObject*& a) {
  gil::release(held, [](PyObject*& b) { (void)b; }, a);
}
#endif

// case pass_shared_ptr_to_const_void: A keep-alive handle of something constant.
// expect: gil::release: an argument is or holds a void* or a smart pointer to void
#ifdef FIXED
void work(gil::Held& held, const std::shared_ptr<const double[]>& a) {
  gil::release(held, [](const std::shared_ptr<const double[]>& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const std::shared_ptr<const void>& a) {
  gil::release(held, [](const std::shared_ptr<const void>& b) { (void)b; }, a);
}
#endif

// case pass_shared_ptr_to_void: A keep-alive handle: its object dies with the last copy.
// expect: gil::release: an argument is or holds a void* or a smart pointer to void
#ifdef FIXED
void work(gil::Held& held, const std::shared_ptr<const std::vector<double>>& a) {
  gil::release(held, [](const std::shared_ptr<const std::vector<double>>& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const std::shared_ptr<void>& a) {
  gil::release(held, [](const std::shared_ptr<void>& b) { (void)b; }, a);
}
#endif

// case pass_std_function: A std::function may hold captures.
// expect: gil::release: an argument is or holds a std::function, or a function of Python objects
#ifdef FIXED
using Function = int (*)();
#else
using Function = std::function<int()>;
#endif

void work(gil::Held& held, Function a) {
  gil::release(held, [](Function b) { (void)b; }, a);
}

// case pass_struct: A struct with an object in it.
// expect: gil::release: an argument is or holds a PyObject*
struct Job {
  int id;
#ifdef FIXED
  gil::Ref callback;
#else
  PyObject* callback;
#endif
};

void work(gil::Held& held, const Job& a) {
  gil::release(held, [](const Job& b) { (void)b; }, a);
}

// case pass_struct_with_array: A struct with a C array of objects, after an array of something else.
// expect: gil::release: an argument is or holds a PyObject*
struct Job {
  char name[64];
#ifdef FIXED
  gil::Ref callbacks[3];
#else
  PyObject* callbacks[3];
#endif
};

void work(gil::Held& held, const Job& a) {
  gil::release(held, [](const Job& b) { (void)b; }, a);
}

// case pass_struct_with_shared_ptr_to_void: A view that keeps its owner alive, whatever it is.
// expect: gil::release: an argument is or holds a void* or a smart pointer to void
struct View {
#ifdef FIXED
  std::shared_ptr<std::vector<double>> keep;
#else
  std::shared_ptr<void> keep;
#endif
  const double* data;
  std::size_t size;
};

void work(gil::Held& held, const View& a) {
  gil::release(held, [](const View& b) { (void)b; }, a);
}

// case pass_struct_with_void_pointer: User data by a void*.
// expect: gil::release: an argument is or holds a void*
struct Job {
  int id;
#ifdef FIXED
  long* user;
#else
  void* user;
#endif
};

void work(gil::Held& held, const Job& a) {
  gil::release(held, [](const Job& b) { (void)b; }, a);
}

// case pass_thread_state: The interpreter's own records.
// expect: gil::release: an argument is or holds a PyObject*
#ifdef FIXED
void work(gil::Held& held, int a) {
  gil::release(held, [](int b) { (void)b; }, a);
}
#else
void work(gil::Held& held, PyThreadState* a) {
  gil::release(held, [](PyThreadState* b) { (void)b; }, a);
}
#endif

// case pass_type_object: A type of Python's is an object too.
// expect: gil::release: an argument is or holds a PyObject*
#ifdef FIXED
void work(gil::Held& held, gil::Ref& a) {
  gil::release(held, [](gil::Ref& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, PyTypeObject*& a) {
  gil::release(held, [](PyTypeObject*& b) { (void)b; }, a);
}
#endif

// case pass_unique_ptr: A unique_ptr to what holds an object.
// expect: gil::release: an argument is or holds a PyObject*
struct Job {
#ifdef FIXED
  gil::Ref callback;
#else
  PyObject* callback;
#endif
};

void work(gil::Held& held, const std::unique_ptr<Job>& a) {
  gil::release(held, [](const std::unique_ptr<Job>& b) { (void)b; }, a);
}

// case pass_unique_ptr_of_a_pointer_of_its_own: A unique_ptr whose deleter names another pointer type than
// its element's.
// expect: gil::release: an argument is or holds a PyObject*
struct Drop {
#ifdef FIXED
  using pointer = long*;
#else
  using pointer = PyObject*;
#endif
  void operator()(pointer owned) const;
};

void work(gil::Held& held, const std::unique_ptr<long, Drop>& a) {
  gil::release(held, [](const std::unique_ptr<long, Drop>& b) { (void)b; }, a);
}

// case pass_unique_ptr_to_void: The sole owner of anything.
// expect: gil::release: an argument is or holds a void* or a smart pointer to void
struct Drop {
#ifdef FIXED
  void operator()(double* owned) const;
#else
  void operator()(void* owned) const;
#endif
};

#ifdef FIXED
void work(gil::Held& held, const std::unique_ptr<double, Drop>& a) {
  gil::release(held, [](const std::unique_ptr<double, Drop>& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const std::unique_ptr<void, Drop>& a) {
  gil::release(held, [](const std::unique_ptr<void, Drop>& b) { (void)b; }, a);
}
#endif

// case pass_vector_of_shared_ptr_to_void: A list of keep-alive handles.
// expect: gil::release: an argument is or holds a void* or a smart pointer to void
#ifdef FIXED
void work(gil::Held& held, const std::vector<gil::Ref>& a) {
  gil::release(held, [](const std::vector<gil::Ref>& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const std::vector<std::shared_ptr<void>>& a) {
  gil::release(held, [](const std::vector<std::shared_ptr<void>>& b) { (void)b; }, a);
}
#endif

// case pass_void_pointer: A void* may hide anything.
// expect: gil::release: an argument is or holds a void*
#ifdef FIXED
void work(gil::Held& held, double* a) {
  gil::release(held, [](double* b) { (void)b; }, a);
}
#else
void work(gil::Held& held, void* a) {
  gil::release(held, [](void* b) { (void)b; }, a);
}
#endif

// case pass_weak_ptr_to_void: A weak handle of anything: lock() makes it an owner.
// expect: gil::release: an argument is or holds a void* or a smart pointer to void
#ifdef FIXED
void work(gil::Held& held, const std::weak_ptr<const double>& a) {
  gil::release(held, [](const std::weak_ptr<const double>& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const std::weak_ptr<void>& a) {
  gil::release(held, [](const std::weak_ptr<void>& b) { (void)b; }, a);
}
#endif

// case refuse_inside_a_refused_result: The inner mistake is reported, and not again further out.
// expect: gil::acquire: the result is or holds a PyObject*
void work(gil::Held& held, const gil::Ref& a) {
  gil::release(
      held,
      [](gil::Released& released, const gil::Ref& b) {
#ifdef FIXED
        return gil::acquire(released, [&](gil::Held& inner) { return b.clone(inner); });
#else
        return gil::acquire(released, [&](gil::Held& inner) { return b.get(inner); });
#endif
      },
      a);
}
