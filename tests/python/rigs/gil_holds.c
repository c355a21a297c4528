// Functions that keep the GIL: for ctypes.PyDLL, and as the module gil_holds. Built by rigs/gil_holds.py.
// SPDX-License-Identifier: Apache-2.0
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

// The result is used after the call, because a tail call would leave no frame on the stack.
__attribute__((noinline, visibility("default"))) int hold_block(int ms) {
  return usleep((useconds_t)ms * 1000) + 1;
}

// Waits shortly in one system call, then long in another.
__attribute__((noinline, visibility("default"))) int hold_two(int ms) {
  return usleep((useconds_t)ms * 100) + poll(NULL, 0, ms) + 1;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

__attribute__((noinline, visibility("default"))) double hold_burn(int ms) {
  double end = now() + ms * 1e-3;
  volatile double x = 1;
  while (now() < end) {
    for (int i = 0; i < 2000; ++i) x = x * 1.0000001 + 1e-9;
  }
  return x + 1;
}

// Opens a FIFO for writing after `ms` milliseconds, which unblocks its reader.
__attribute__((visibility("default"))) void let_go(const char* path, int ms) {
  usleep((useconds_t)ms * 1000);
  close(open(path, O_WRONLY));
}

static PyObject* py_block(PyObject* module, PyObject* argument) {
  (void)module;
  return PyLong_FromLong(hold_block((int)PyLong_AsLong(argument)));
}

static PyObject* py_burn(PyObject* module, PyObject* argument) {
  (void)module;
  return PyFloat_FromDouble(hold_burn((int)PyLong_AsLong(argument)));
}

// Blocks in dlopen() if the path is a FIFO.
static PyObject* py_load(PyObject* module, PyObject* argument) {
  (void)module;
  return PyBool_FromLong(dlopen(PyUnicode_AsUTF8(argument), RTLD_NOW) != NULL);
}

static PyMethodDef methods[] = {
    {"block", py_block, METH_O, "Sleeps for so many ms."},
    {"burn", py_burn, METH_O, "Computes for so many ms."},
    {"load", py_load, METH_O, "Loads a library; whether it is one."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "gil_holds", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_gil_holds(void) {
  PyObject* module = PyModule_Create(&definition);
#ifdef Py_GIL_DISABLED
  PyUnstable_Module_SetGIL(module, Py_MOD_GIL_NOT_USED);
#endif
  return module;
}
