// The tokens in a module of the plain C API.
// SPDX-License-Identifier: Apache-2.0
#include "shared.hpp"

namespace gil = freshframe::gil;

namespace {

PyObject* total(gil::Held& held, PyObject* /*module*/, PyObject* const* args, Py_ssize_t count) {
  if (count != 1) {
    PyErr_Format(PyExc_TypeError, "total() takes one buffer of float64, got %zd arguments", count);
    throw gil::ErrorSet();
  }
  Py_buffer view;
  if (PyObject_GetBuffer(args[0], &view, PyBUF_CONTIG_RO | PyBUF_FORMAT) != 0) throw gil::ErrorSet();
  const std::span values(static_cast<const double*>(view.buf),
                         static_cast<std::size_t>(view.len) / sizeof(double));
  const double sum = gil::release(held, &shared::total, values);
  PyBuffer_Release(&view);
  return PyFloat_FromDouble(sum);
}

PyObject* meet(gil::Held& held, PyObject* /*module*/, PyObject* parties) {
  const long wanted = PyLong_AsLong(parties);
  if (wanted == -1 && PyErr_Occurred() != nullptr) throw gil::ErrorSet();
  return PyLong_FromLong(gil::release(held, &shared::meet, static_cast<int>(wanted)));
}

PyObject* throw_released(gil::Held& held, PyObject* /*module*/, PyObject* /*unused*/) {
  gil::release(held, &shared::throw_out_of_range);
  return Py_NewRef(Py_None);
}

PyObject* nested(gil::Held& held, PyObject* /*module*/, PyObject* /*unused*/) {
  return PyLong_FromLong(shared::nested(held));
}

void call(gil::Held& held, const gil::Ref& callback) {
  PyObject* const result = PyObject_CallNoArgs(callback.get(held));
  if (result == nullptr) throw gil::ErrorSet();
  Py_DECREF(result);
}

PyObject* call_back(gil::Held& held, PyObject* /*module*/, PyObject* callback) {
  const gil::Ref ref(held, callback);
  gil::release(
      held, [](gil::Released& released, const gil::Ref& r) { gil::acquire(released, &call, r); }, ref);
  return Py_NewRef(Py_None);
}

PyObject* call_on_native_thread(gil::Held& held, PyObject* /*module*/, PyObject* const* args,
                                Py_ssize_t /*count*/) {
  shared::call_on_native_thread<&call>(held, gil::Ref(held, args[0]),
                                       static_cast<int>(PyLong_AsLong(args[1])));
  return Py_NewRef(Py_None);
}

PyObject* drop_on_native_thread(gil::Held& held, PyObject* /*module*/, PyObject* object) {
  return PyLong_FromSize_t(shared::drop_on_native_thread(held, gil::Ref(held, object)));
}

// The thread is never joined: it wants the GIL until the process ends.
PyObject* call_for_ever(gil::Held& held, PyObject* /*module*/, PyObject* callback) {
  static auto* const thread = new std::thread(
      gil::native_thread,
      [](gil::Released& released, const gil::Ref& ref) {
        while (true) gil::acquire(released, &call, ref);
      },
      gil::Ref(held, callback));
  return PyBool_FromLong(thread->joinable());
}

// Seconds for `times` acquisitions on one native thread; if `each_new`, each on its own thread state.
PyObject* acquisitions(gil::Held& held, PyObject* /*module*/, PyObject* const* args, Py_ssize_t /*count*/) {
  using Clock = std::chrono::steady_clock;
  struct Asked {
    int times;
    bool each_new;
    double* seconds;
  };
  double seconds = 0;
  const Asked asked{static_cast<int>(PyLong_AsLong(args[0])), PyObject_IsTrue(args[1]) != 0, &seconds};
  gil::release(
      held,
      [](Asked a) {
        const auto once = [](gil::Released& released) { gil::acquire(released, [](gil::Held&) {}); };
        const auto work = [](Asked b) {
          const auto begin = Clock::now();
          if (b.each_new) {
            for (int i = 0; i < b.times; ++i) gil::native_thread(decltype(once)());
          } else {
            gil::native_thread(
                [](gil::Released& released, int times) {
                  for (int i = 0; i < times; ++i) gil::acquire(released, [](gil::Held&) {});
                },
                b.times);
          }
          *b.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
        };
        std::thread thread(work, a);
        thread.join();
      },
      asked);
  return PyFloat_FromDouble(seconds);
}

void fail_to_die(gil::Held& /*held*/, PyObject* /*capsule*/) {
  throw std::out_of_range("thrown by a destructor");
}

PyObject* capsule_that_fails_to_die(gil::Held& /*held*/, PyObject* /*module*/, PyObject* /*unused*/) {
  static int something = 0;
  return PyCapsule_New(&something, nullptr, gil::c_entry<&fail_to_die>);
}

PyCFunction fast(PyObject* (*function)(PyObject*, PyObject* const*, Py_ssize_t)) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

PyMethodDef methods[] = {
    {"total", fast(gil::c_entry<&total>), METH_FASTCALL, "Adds a buffer of float64. GIL: released"},
    {"meet", gil::c_entry<&meet>, METH_O, "Waits for other threads in here. GIL: released while waiting"},
    {"throw_released", gil::c_entry<&throw_released>, METH_NOARGS, "Throws. GIL: released"},
    {"nested", gil::c_entry<&nested>, METH_NOARGS, "Releases twice, with an acquire between. GIL: released"},
    {"call_back", gil::c_entry<&call_back>, METH_O, "Calls from a released scope. GIL: released"},
    {"call_on_native_thread", fast(gil::c_entry<&call_on_native_thread>), METH_FASTCALL,
     "GIL: released while waiting"},
    {"drop_on_native_thread", gil::c_entry<&drop_on_native_thread>, METH_O, "GIL: released while waiting"},
    {"call_for_ever", gil::c_entry<&call_for_ever>, METH_O, "GIL: held"},
    {"acquisitions", fast(gil::c_entry<&acquisitions>), METH_FASTCALL, "GIL: released while waiting"},
    {"capsule_that_fails_to_die", gil::c_entry<&capsule_that_fails_to_die>, METH_NOARGS, "GIL: held"},
    {nullptr, nullptr, 0, nullptr}};
PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "gil_plain", nullptr, 0, methods, nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit_gil_plain() {
  PyObject* module = PyModule_Create(&definition);
#ifdef Py_GIL_DISABLED
  PyUnstable_Module_SetGIL(module, Py_MOD_GIL_NOT_USED);
#endif
  return module;
}
