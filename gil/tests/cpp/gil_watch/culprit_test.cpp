// The name of a native call chain: the function that Python called, even where symbols were stripped.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/watch/culprit.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gil_watch/watch/collections.hpp"
#include <gtest/gtest.h>

using namespace freshframe::gil;  // NOLINT(google-build-using-namespace)

namespace {

NativeFrame frame(std::string library, std::string symbol, std::uintptr_t function = 0) {
  NativeFrame made;
  made.library = std::move(library);
  made.symbol = std::move(symbol);
  made.function = function;
  made.loop = made.symbol == "_PyEval_EvalFrameDefault";
  return made;
}

}  // namespace

TEST(GilCulprit, TheFunctionOfAForeignLibraryNearestToPythonIsNamed) {
  const std::vector chain{frame("libc.so.6", "usleep"),
                          frame("blur.so", "wait_a_little"),
                          frame("blur.so", "blur(Image const&)"),
                          frame("libffi.so.8", ""),
                          frame("_ctypes.cpython-311.so", "_ctypes_callproc"),
                          frame("libpython3.11.so.1.0", "_PyObject_MakeTpCall"),
                          frame("libpython3.11.so.1.0", "_PyEval_EvalFrameDefault"),
                          frame("other.so", "main_loop")};
  EXPECT_EQ(name_culprit(chain, {}), "blur.so:blur(Image const&)");
  EXPECT_EQ(above_interpreter(chain).size(), 6U);
}

TEST(GilCulprit, GlueOfABindingLibraryIsPassedOver) {
  const std::vector chain{frame("ext.so", "blur(Image const&)"),
                          frame("ext.so", "nanobind::detail::func_create<x>()::f"),
                          frame("ext.so", "nanobind::detail::nb_func_vectorcall_simple_1(_object*)"),
                          frame("python3.12", "_PyEval_EvalFrameDefault")};
  EXPECT_EQ(name_culprit(chain, {}), "ext.so:blur(Image const&)");
  EXPECT_EQ(name_culprit(std::span(chain).subspan(1), {}),
            "ext.so:nanobind::detail::nb_func_vectorcall_simple_1(_object*)");
}

TEST(GilCulprit, ABuiltinIsNamedAsPythonKnowsIt) {
  const std::vector chain{
      frame("libpython3.11.so.1.0", "list_sort_impl", 1), frame("libpython3.11.so.1.0", "", 2),
      frame("libpython3.11.so.1.0", "cfunction_vectorcall_O", 3), frame("libpython3.11.so.1.0", "", 4),
      frame("libpython3.11.so.1.0", "_PyEval_EvalFrameDefault", 5)};
  const CallableNames names{{2, "builtins:list.sort"}, {4, "builtins:sorted"}};
  EXPECT_EQ(name_culprit(chain, names), "builtins:sorted");
}

TEST(GilCulprit, BelowCtypesTheCLibraryItselfIsNamed) {
  const std::vector chain{frame("libc.so.6", "clock_nanosleep"), frame("libc.so.6", "usleep"),
                          frame("libffi.so.8", "ffi_call"),
                          frame("_ctypes.cpython-311.so", "PyCFuncPtr_call"),
                          frame("libpython3.11.so.1.0", "_PyEval_EvalFrameDefault")};
  EXPECT_EQ(name_culprit(chain, {}), "libc.so.6:usleep");
}

TEST(GilCulprit, BelowCtypesACallThatHasEndedIsNotNamed) {
  std::vector chain{frame("libc.so.6", "clock_nanosleep"),
                    frame("libc.so.6", "usleep"),
                    frame("libffi.so.8", ""),
                    frame("python3.11", "left_from_before"),
                    frame("libc.so.6", "free"),
                    frame("_ctypes.cpython-311.so", ""),
                    frame("python3.11", "_PyEval_EvalFrameDefault")};
  for (std::size_t i = 3; i < chain.size(); ++i) chain[i].guessed = true;
  EXPECT_EQ(name_culprit(chain, {}), "libc.so.6:usleep");
  chain[1].guessed = chain[2].guessed = true;
  EXPECT_EQ(name_culprit(chain, {}), "libc.so.6:usleep");
}

TEST(GilCulprit, CodeOfNoLibraryBelowCtypesIsNotCalledAfterWhatWasGuessed) {
  std::vector chain{frame("", ""), frame("libffi.so.8", ""),
                    frame("libpython3.11.so.1.0", "left_from_before"),
                    frame("_ctypes.cpython-311.so", "_ctypes_callproc"),
                    frame("libpython3.11.so.1.0", "_PyEval_EvalFrameDefault")};
  chain[0].address = 0x1234;
  for (std::size_t i = 2; i < chain.size(); ++i) chain[i].guessed = true;
  EXPECT_EQ(name_culprit(chain, {}), "?:0x1234");
}

TEST(GilCulprit, WhatWasGuessedBehindWhatIsCertainIsNotNamed) {
  std::vector chain{frame("blur.so", "blur"), frame("libffi.so.8", ""), frame("stale.so", "left_from_before"),
                    frame("_ctypes.cpython-311.so", "_ctypes_callproc"),
                    frame("libpython3.11.so.1.0", "_PyEval_EvalFrameDefault")};
  for (std::size_t i = 2; i < chain.size(); ++i) chain[i].guessed = true;
  EXPECT_EQ(name_culprit(chain, {}), "blur.so:blur");
  for (auto& each : chain) each.guessed = &each != chain.data();
  chain[0] = frame("libc.so.6", "usleep");
  chain[1] = frame("blur.so", "blur");
  chain[1].guessed = true;
  chain.insert(chain.begin() + 2, chain[3]);
  EXPECT_EQ(name_culprit(chain, {}), "blur.so:blur");
}

TEST(GilCulprit, RemainsOfEndedCallsBehindWhatLibffiHasCalledAreNotNamed) {
  // A stripped interpreter's ctypes: the unwinder stops in libffi, and the words after it are searched.
  std::vector chain{frame("libc.so.6", "clock_nanosleep"),
                    frame("libc.so.6", "usleep"),
                    frame("libffi.so.8", ""),
                    frame("libc.so.6", "clock_gettime"),
                    frame("_gil.so", "nanobind::detail::func_create<x>()::f"),
                    frame("stale.so", "left_from_before"),
                    frame("_ctypes.cpython-311.so", ""),
                    frame("python3.11", "_PyEval_EvalFrameDefault")};
  for (std::size_t i = 3; i < chain.size(); ++i) chain[i].guessed = true;
  EXPECT_EQ(name_culprit(chain, {}), "libc.so.6:usleep");
  std::swap(chain[3], chain[4]);
  EXPECT_EQ(name_culprit(chain, {}), "libc.so.6:usleep");
}

TEST(GilCulprit, GuessedGlueIsNoName) {
  std::vector chain{frame("libc.so.6", "usleep"), frame("_gil.so", "nanobind::detail::func_create<x>()::f"),
                    frame("python3.11", "_PyEval_EvalFrameDefault")};
  EXPECT_EQ(name_culprit(chain, {}), "_gil.so:nanobind::detail::func_create<x>()::f");
  chain[1].guessed = true;
  EXPECT_EQ(name_culprit(chain, {}), "libc.so.6:usleep");
}

TEST(GilCulprit, ASlotBehindANamelessFunctionSaysNothing) {
  const NativeFrame loop = frame("python3.11", "_PyEval_EvalFrameDefault", 9);
  CallableNames names{{3, "builtins:sorted"}, {5, ""}};
  names.emplace(4, CallableName("builtins:list_iterator.__next__", true));
  const auto name = [&](std::vector<NativeFrame> chain) { return name_culprit(chain, names); };
  const NativeFrame slot = frame("python3.11", "", 4);
  const NativeFrame nameless = frame("python3.11", "", 1);
  EXPECT_EQ(name({slot, loop}), "builtins:list_iterator.__next__");
  EXPECT_EQ(name({slot, frame("python3.11", "PyIter_Next"), loop}), "builtins:list_iterator.__next__");
  EXPECT_EQ(name({slot, frame("python3.11", "", 5), loop}), "builtins:list_iterator.__next__") << "a caller";
  EXPECT_EQ(name({slot, nameless, loop}), "the interpreter");
  EXPECT_EQ(name({slot, frame("python3.11", "set_update_internal"), loop}), "python3.11:set_update_internal");
  EXPECT_EQ(name({slot, frame("python3.11", "", 3), nameless, loop}), "builtins:sorted")
      << "Python's own call";
  EXPECT_EQ(name({nameless, frame("python3.11", "PyDict_Copy"), loop}), "python3.11:PyDict_Copy");
}

TEST(GilCulprit, AMethodThatTheInterpreterItselfUsesIsNotWhatPythonCalled) {
  const CallableNames names{{1, "builtins:list.extend"}, {2, "builtins:list_dealloc"}, {3, ""}};
  const NativeFrame loop = frame("libpython3.11.so.1.0", "_PyEval_EvalFrameDefault");
  const auto name_below = [&](const char* caller, std::uintptr_t called) {
    return name_culprit(
        std::vector{frame("libpython3.11.so.1.0", "", called), frame("libpython3.11.so.1.0", caller), loop},
        names);
  };
  EXPECT_EQ(name_below("PySequence_List", 1), "libpython3.11.so.1.0:PySequence_List");
  EXPECT_EQ(name_below("PyObject_Vectorcall", 1), "builtins:list.extend");
  EXPECT_EQ(name_below("_Py_Dealloc", 2), "builtins:list_dealloc") << "anything may free an object";
  EXPECT_EQ(name_culprit(std::vector{frame("python3.11", "", 1), frame("python3.11", "", 3), loop}, names),
            "builtins:list.extend");
}

TEST(GilCulprit, AForeignFunctionWithoutASymbolIsNoneOfTheInterpretersTypes) {
  const CallableNames names{{1, "builtins:object_dealloc"}, {2, "blur:Image_dealloc"}};
  const NativeFrame loop = frame("python3.12", "_PyEval_EvalFrameDefault");
  EXPECT_EQ(name_culprit(std::vector{frame("blur.so", "", 1), frame("python3.12", "", 3), loop}, names),
            "blur.so:object_dealloc")
      << "shared by types of an extension, which are no relatives";
  EXPECT_EQ(name_culprit(std::vector{frame("blur.so", "", 2), loop}, names), "blur:Image_dealloc");
  EXPECT_EQ(name_culprit(std::vector{frame("python3.12", "", 1), loop}, names), "builtins:object_dealloc");
}

TEST(GilCulprit, BytecodeHasNoNativeCulprit) {
  const std::vector chain{frame("libpython3.11.so.1.0", "_PyEval_EvalFrameDefault"),
                          frame("libc.so.6", "main")};
  EXPECT_EQ(name_culprit(chain, {}), "");
  EXPECT_EQ(name_culprit({}, {}), "");
}

TEST(GilCulprit, ACollectionHasTheNameByWhichItWasCalled) {
  const CallableNames names{{7, "gc:collect"}, {8, "builtins:tuple.__lt__"}};
  const NativeFrame collects = frame("libpython3.11.so.1.0", "gc_collect_main");
  const NativeFrame loop = frame("libpython3.11.so.1.0", "_PyEval_EvalFrameDefault");
  const auto name = [&](std::vector<NativeFrame> chain) { return collection_name(chain, names); };
  EXPECT_EQ(name({collects, frame("libpython3.11.so.1.0", "PyList_New"), loop}), "gc:collection");
  EXPECT_EQ(name({frame("array.so", "array_dealloc"), collects,
                  frame("libpython3.11.so.1.0", "tuplerichcompare", 8), loop}),
            "gc:collection");
  EXPECT_EQ(name({frame("python3.12", "_Py_RunGC"), loop}), "gc:collection");
  EXPECT_EQ(name({collects, frame("libpython3.11.so.1.0", "gc_collect", 7), loop}), "gc:collect");
  EXPECT_EQ(name({frame("python3.11", ""), frame("python3.11", "", 7), loop}), "gc:collect") << "stripped";
  EXPECT_EQ(name({frame("python3.11", ""), frame("python3.11", "PyList_New"), loop}), "");
  EXPECT_EQ(name({loop, collects}), "") << "the caller of the Python function";
  EXPECT_EQ(name({frame("mine.so", "gc_collect_main"), loop}), "");
}

#if defined(__x86_64__)
asm(R"(
  .text
  .type ff_test_wrapper, @function
ff_test_wrapper:
  .cfi_startproc
  nop
  .byte 0xE9
  .long ff_test_work - . - 4
  .cfi_endproc
  .type ff_test_other, @function
ff_test_other:
  .cfi_startproc
  call ff_test_work
  ret
  .cfi_endproc
  .byte 0xE9
  .long ff_test_work - . - 4
  .type ff_test_work, @function
ff_test_work:
  .cfi_startproc
  ret
  .cfi_endproc
)");
#else
asm(R"(
  .text
  .type ff_test_wrapper, @function
ff_test_wrapper:
  .cfi_startproc
  nop
  b ff_test_work
  .cfi_endproc
  .type ff_test_other, @function
ff_test_other:
  .cfi_startproc
  bl ff_test_work
  ret
  .cfi_endproc
  b ff_test_work
  .type ff_test_work, @function
ff_test_work:
  .cfi_startproc
  ret
  .cfi_endproc
)");
#endif
extern "C" {
void ff_test_wrapper();  // NOLINT(readability-identifier-naming)
void ff_test_other();    // NOLINT(readability-identifier-naming)
void ff_test_work();     // NOLINT(readability-identifier-naming)
}

TEST(GilCallStack, AFunctionThatAnotherOneJumpsToHasItsName) {
  const auto wrapper = reinterpret_cast<std::uintptr_t>(&ff_test_wrapper);
  const auto other = reinterpret_cast<std::uintptr_t>(&ff_test_other);
  const auto work = reinterpret_cast<std::uintptr_t>(&ff_test_work);
  EXPECT_TRUE(jumps_to(wrapper, work));
  EXPECT_FALSE(jumps_to(other, work)) << "it calls, and the jump is behind its end";
  EXPECT_FALSE(jumps_to(wrapper, other));
  CallableNames names{{wrapper, "builtins:list.sort"}, {other, "builtins:other"}};
  const std::vector chain{frame("python3.13", "", work), frame("python3.13", "_PyEval_EvalFrameDefault")};
  Implementations().learn(chain, names);
  ASSERT_TRUE(names.contains(work));
  EXPECT_EQ(name_culprit(chain, names), "builtins:list.sort");
}

TEST(GilCollections, TheCollectionIsKnownByItsThreadAndFrame) {
  Collections collections;
  EXPECT_FALSE(collections.runs_at(1, 2));
  collections.begin(1, 2);
  EXPECT_TRUE(collections.runs_at(1, 2));
  EXPECT_FALSE(collections.runs_at(3, 2)) << "another thread";
  EXPECT_FALSE(collections.runs_at(1, 4)) << "Python code that the collection has called";
  collections.end();
  EXPECT_FALSE(collections.runs_at(1, 2));
  collections.end();
  collections.begin(1, 4);
  collections.begin(1, 2);  // the end of the one before was not told
  EXPECT_TRUE(collections.runs_at(1, 2));
}
