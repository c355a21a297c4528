// The names of native functions: Rust's symbols, and what binding libraries put around a function.
// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gil_watch/names/binding_names.hpp"
#include "gil_watch/names/rust_names.hpp"
#include "gil_watch/stacks/call_stack.hpp"
#include "gil_watch/watch/culprit.hpp"
#include <gtest/gtest.h>

using namespace freshframe::gil;  // NOLINT(google-build-using-namespace)

namespace {

NativeFrame named(std::string library, std::string symbol) {
  NativeFrame made;
  made.library = std::move(library);
  made.symbol = std::move(symbol);
  made.loop = made.symbol == "_PyEval_EvalFrameDefault";
  return made;
}

// A number above 0 in a symbol, without its end.
std::string base_62(std::size_t number) {
  static constexpr std::string_view kDigits =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  const std::size_t rest = number - 1;
  return (rest < 62 ? "" : base_62(rest / 62 + 1)) + kDigits[rest % 62];
}

}  // namespace

// Most of the symbols are examples of RFC 2603 and of rustc's own tests.
TEST(GilRustNames, PathsAndGenericArgumentsAreRead) {
  EXPECT_EQ(demangle_rust("_RNvC6_123foo3bar"), "123foo::bar");
  EXPECT_EQ(demangle_rust("_RNvMC0INtC8arrayvec8ArrayVechKj7b_E3new"), "<arrayvec::ArrayVec<u8, 123>>::new");
  EXPECT_EQ(demangle_rust("_RNvXs_C3appNtB4_5CacheNtC4core4Drop4drop"), "<app::Cache as core::Drop>::drop");
  EXPECT_EQ(demangle_rust("_RINvC4core4swapNtC3app5CacheE"), "core::swap::<app::Cache>");
  EXPECT_EQ(demangle_rust("_RNCNCNgCs6DXkGYLi8lr_2cc5spawn00B5_"), "cc::spawn::{closure#0}::{closure#0}");
  EXPECT_EQ(demangle_rust("_RNSNvC3app3run6vtable"), "app::run::{shim:vtable#0}");
  EXPECT_EQ(demangle_rust("_RNvC9backtrace3foo.llvm.A5310EB9"), "backtrace::foo");
  EXPECT_EQ(
      demangle_rust(
          "_RNCINkXs25_NgCsbmNqQUJIY6D_4core5sliceINyB9_4IterhENuNgNoBb_4iter8iterator8Iterator9rpos"
          "itionNCNgNpB9_6memchr7memrchrs_0E0Bb_"),
      "<core::slice::Iter<u8> as core::iter::iterator::Iterator>::rposition::<core::slice::memchr::memrchr::"
      "{closure#1}>::{closure#0}");
}

TEST(GilRustNames, TypesAreRead) {
  const auto type = [](const std::string& mangled) { return demangle_rust("_RINvC1a1f" + mangled + "E"); };
  EXPECT_EQ(type("ReQSd"), "a::f::<&str, &mut [f64]>");
  EXPECT_EQ(type("PhOz"), "a::f::<*const u8, *mut !>");
  EXPECT_EQ(type("Abj3_TuE"), "a::f::<[bool; 3], ((),)>");
  EXPECT_EQ(type("TuhETE"), "a::f::<((), u8), ()>");
  EXPECT_EQ(type("FUKCjEu"), "a::f::<unsafe extern \"C\" fn(usize)>");
  EXPECT_EQ(type("FK11system_callEj"), "a::f::<extern \"system-call\" fn() -> usize>");
  EXPECT_EQ(type("FG_RL0_hEL0_"), "");  // a lifetime beyond its binder
  EXPECT_EQ(type("FG_RL0_hEu"), "a::f::<for<'a> fn(&'a u8)>");
  EXPECT_EQ(type("DNtC1a2Toinp"), "");
  EXPECT_EQ(type("DNtC1a2ToEL_"), "a::f::<dyn a::To>");
  EXPECT_EQ(
      demangle_rust("_RINbNbCskIICzLVDPPb_5alloc5alloc8box_freeDINbNiB4_5boxed5FnBoxuEp6OutputuEL_ECs1iop"
                    "QbuBiw2_3std"),
      "alloc::alloc::box_free::<dyn alloc::boxed::FnBox<(), Output = ()>>");
}

TEST(GilRustNames, ConstantsAreRead) {
  const auto constant = [](const std::string& mangled) { return demangle_rust("_RIC1aK" + mangled + "E"); };
  EXPECT_EQ(constant("hb_"), "a::<11>");
  EXPECT_EQ(constant("anb_"), "a::<-11>");
  EXPECT_EQ(constant("o123456789abcdef01_"), "a::<0x123456789abcdef01>");
  EXPECT_EQ(constant("b1_"), "a::<true>");
  EXPECT_EQ(constant("c2202_"), "a::<'\u2202'>");
  EXPECT_EQ(constant("ca_"), "a::<'\\u{a}'>");
  EXPECT_EQ(constant("p"), "a::<_>");
  EXPECT_EQ(constant("e6162_"), "a::<{*\"ab\"}>");
  EXPECT_EQ(constant("Re6162_"), "a::<{\"ab\"}>");
  EXPECT_EQ(constant("ATj1_b0_EE"), "a::<{[(1, false)]}>");
  EXPECT_EQ(constant("VNtC1a1PTj1_E"), "a::<{a::P(1)}>");
  EXPECT_EQ(constant("VNtC1a1PS1xj1_E"), "a::<{a::P { x: 1 }}>");
}

TEST(GilRustNames, LettersBeyondAsciiAreDecoded) {
  EXPECT_EQ(demangle_rust("_RNqCs4fqI2P2rA04_11utf8_identsu30____7hkackfecea1cbdathfdh9hlq6y"),
            "utf8_idents::საჭმელად_გემრიელი_სადილი");
}

TEST(GilRustNames, WhatIsNoSymbolOrIsDamagedHasNoName) {
  for (const char* text :
       {"", "_R", "_RAND", "_REQ", "_RNvC1", "_RNvC4ab", "_RNvB_1a", "_RNvC3appx", "_R1NvC1a1b",
        "_RIC1aKe6_E", "_RNvC1a3b", "_RNvCs99999999999999999_1a1b", "_ZN3app3runE"}) {
    EXPECT_EQ(demangle_rust(text), "") << text;
  }
}

TEST(GilRustNames, ASymbolWithoutEndIsRefused) {
  EXPECT_EQ(demangle_rust("_RI" + std::string(100'000, 'R')), "");
  // Each tuple is twice the one before it: 2^30 units.
  std::string doubled = "INvC1a1b";
  std::size_t last = doubled.size();
  doubled += "TuuE";
  for (int i = 0; i < 30; ++i) {
    const std::string reference = "B" + base_62(last) + "_";
    last = doubled.size();
    doubled.append("T").append(reference).append(reference).append("E");
  }
  EXPECT_EQ(demangle_rust("_R" + doubled + "E"), "");
}

TEST(GilRustNames, TheOlderManglingLosesItsHashAndItsEscapes) {
  EXPECT_EQ(without_rust_hash("app::cache::load::h0123456789abcdef"), "app::cache::load");
  EXPECT_EQ(without_rust_hash("_$LT$app..Cache$u20$as$u20$core..Drop$GT$::drop::h0123456789abcdef"),
            "<app::Cache as core::Drop>::drop");
  EXPECT_EQ(without_rust_hash("core::ptr::drop_in_place$LT$$RF$$u5b$u8$u5d$$GT$::h0123456789abcdef"),
            "core::ptr::drop_in_place<&[u8]>");
  EXPECT_EQ(without_rust_hash("app::h0123456789abcdefg"), "app::h0123456789abcdefg");
  EXPECT_EQ(without_rust_hash("blur(Image const&)"), "blur(Image const&)");
}

TEST(GilBindingNames, DispatchersAreTold) {
  for (const char* symbol :
       {"pyo3::impl_::trampoline::noargs::<app::f>", "nanobind::detail::nb_func_vectorcall(_object*)",
        "_object* nanobind::f<int>(int)", "void pybind11::cpp_function::initialize<x>(int (*)(int))",
        "pybind11::cpp_function::dispatcher(_object*, _object*, _object*)",
        "_object* boost::python::detail::invoke<int, void (*)(int)>(int)",
        "boost::python::objects::function::call(_object*)", "__Pyx_CyFunction_CallAsMethod",
        "__Pyx_PyVectorcall_FastCallDict", "__Pyx_PyObject_Call2Args", "fortran_call",
        "__Pyx__PyObject_CallOneArg", "SwigPyBuiltin_GetterClosure", "std::panicking::try::<i32>",
        "__pyx_pw_4h5py_8_objects_9with_phil_1wrapper"}) {
    EXPECT_TRUE(is_glue(symbol)) << symbol;
  }
  for (const char* symbol :
       {"blur(Image const&)", "int my::call<boost::python::list>(boost::python::list const&)",
        "__pyx_pw_4h5py_3h5f_3create", "<app::Py as app::Call>::pyo3", "nb_of_rows",
        "(anonymous namespace)::blur(pybind11::array)", "my::vector<pybind11::list>::add()"}) {
    EXPECT_FALSE(is_glue(symbol)) << symbol;
  }
}

TEST(GilBindingNames, AFunctionOfPyO3HasTheNameThatPythonKnows) {
  EXPECT_EQ(plain_name("<cryptography_rust::backend::aead::AesGcm>::__pymethod_encrypt__"), "AesGcm.encrypt");
  EXPECT_EQ(plain_name("app::Table<f64>::__pymethod_rows__"), "app::Table<f64>::__pymethod_rows__");
  EXPECT_EQ(plain_name("<app::Table>::__pymethod___new____"), "Table.__new__");
  EXPECT_EQ(plain_name("app::load::__pyfunction_load"), "load");
  EXPECT_EQ(plain_name("<app::T as app::Trait>::__pymethod_x__"), "<app::T as app::Trait>::__pymethod_x__");
  EXPECT_EQ(plain_name("app::run::<<app::T>::__pymethod_x__>"), "app::run::<<app::T>::__pymethod_x__>");
  EXPECT_EQ(plain_name("blur(Image const&)"), "blur(Image const&)");
}

TEST(GilBindingNames, TheFunctionBehindPyO3sTrampolineIsNamed) {
  const std::vector chain{
      named("libc.so.6", ""),
      named("_rust.abi3.so", "<app::aead::AesGcm>::__pymethod_encrypt__"),
      named("_rust.abi3.so",
            "pyo3::impl_::trampoline::trampoline::<app::x, *mut pyo3_ffi::object::PyObject>"),
      named("_rust.abi3.so", "pyo3::impl_::trampoline::fastcall_cfunction_with_keywords::<app::y>"),
      named("libpython3.11.so.1.0", "PyObject_Vectorcall"),
      named("libpython3.11.so.1.0", "_PyEval_EvalFrameDefault")};
  EXPECT_EQ(name_culprit(chain, {}), "_rust.abi3.so:AesGcm.encrypt");
}

TEST(GilBindingNames, TheFunctionBehindCythonsDispatchersIsNamed) {
  const std::vector chain{named("libhdf5.so.320", "H5Fcreate"),
                          named("h5f.so", "__pyx_pf_4h5py_3h5f_2create"),
                          named("h5f.so", "__pyx_pw_4h5py_3h5f_3create"),
                          named("h5f.so", "__Pyx_CyFunction_Vectorcall_FASTCALL_KEYWORDS"),
                          named("_errors.so", "__Pyx_PyVectorcall_FastCallDict"),
                          named("_objects.so", "__Pyx_PyObject_Call"),
                          named("_objects.so", "__pyx_pf_4h5py_8_objects_9with_phil_wrapper"),
                          named("_objects.so", "__pyx_pw_4h5py_8_objects_9with_phil_1wrapper"),
                          named("_errors.so", "__Pyx_CyFunction_CallAsMethod"),
                          named("libpython3.11.so.1.0", "_PyEval_EvalFrameDefault")};
  EXPECT_EQ(name_culprit(chain, {}), "h5f.so:__pyx_pw_4h5py_3h5f_3create");
}

TEST(GilBindingNames, TheFunctionBehindBoostPythonsTranslatorsOfExceptionsIsNamed) {
  const std::vector chain{
      named("libRDKitSmilesParse.so.1", "RDKit::v2::SmilesParse::MolFromSmiles(std::string const&)"),
      named("rdmolfiles.so", "RDKit::MolFromSmiles(boost::python::api::object, bool, boost::python::dict)"),
      named("rdmolfiles.so",
            "boost::python::objects::caller_py_function_impl<x>::operator()(_object*, _object*)"),
      named("libboost_python311.so.1.85.0",
            "boost::python::objects::function::call(_object*, _object*) const"),
      named("libboost_python311.so.1.85.0", ""),
      named("rdchem.so", "boost::detail::function::function_obj_invoker<x>::invoke(y)"),
      named("rdchem.so", ""),
      named("libboost_python311.so.1.85.0", ""),
      named("libpython3.11.so.1.0", "_PyObject_MakeTpCall"),
      named("libpython3.11.so.1.0", "_PyEval_EvalFrameDefault")};
  EXPECT_EQ(name_culprit(chain, {}),
            "rdmolfiles.so:RDKit::MolFromSmiles(boost::python::api::object, bool, boost::python::dict)");
}
