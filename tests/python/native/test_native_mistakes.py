"""Mistakes of plugin authors: a single compiler error, or an error with the expected and the actual value."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest
from rigs.native_code import compiled, compiler_errors
from support import picture, run_node

import freshframe as ff

HEAD = """
#include <freshframe/plugin.hpp>

#include <memory>
#include <vector>

namespace ff = freshframe::plugin;
"""
NODE = """
class Mean : public ff::Node<ff::Frame, double> {
 public:
  std::optional<double> process(const ff::Sample<ff::Frame>&, ff::Context&) override { return 1.0; }
};
"""
LEVEL = NODE.replace("public:", "public:\n  explicit Mean(int level) : level_(level) {}\n  int level_;", 1)
COMPILE_TIME = {
    'FRESHFRAME_NODE(Mean, "my-mean");': "a name consists of letters of ASCII, digits and _",
    'FRESHFRAME_NODE(Mean, "my mean");': "a name consists of letters of ASCII, digits and _",
    'FRESHFRAME_NODE(Mean, "");': "a name consists of letters of ASCII, digits and _",
    'FRESHFRAME_NODE(Mean, "mean");\nFRESHFRAME_NODE(Mean, "mean");': "freshframe_the_names_of_nodes_differ",
    "double f(ff::Column<double> c) { return c(1, 2, 3, 4, 5); }": "a column has at most 4 dimensions",
}


@pytest.mark.slow
@pytest.mark.parametrize("code", COMPILE_TIME)
def test_a_mistake_that_the_compiler_sees_is_one_error_with_a_sentence(tmp_path: Path, code: str) -> None:
    (error,) = compiler_errors(tmp_path, f"{HEAD}{NODE}{code}\n")
    assert COMPILE_TIME[code] in error


@pytest.mark.slow
def test_a_class_that_cannot_be_made_from_options_is_refused_by_the_compiler(tmp_path: Path) -> None:
    (error,) = compiler_errors(tmp_path, f'{HEAD}{LEVEL}FRESHFRAME_NODE(Mean, "mean");\n')
    assert "needs a public constructor that takes a const Options&, or nothing" in error


@pytest.mark.slow
@pytest.mark.parametrize(
    "methods",
    {
        "tick_every() is missing": """
            std::optional<double> process(const ff::Sample<ff::Frame>&, ff::Context&) override { return 1.0; }
            void on_tick(double, ff::Out<double>&, ff::Context&) override {}""",
        "process() has other arguments": """
            std::optional<double> process(const ff::Sample<ff::Frame>&, const ff::Context&) { return 1.0; }
            double tick_every() const override { return 1; }
            void on_tick(double, ff::Out<double>&, ff::Context&) override {}""",
    }.items(),
    ids=lambda each: each[0],
)
def test_a_class_that_lacks_a_method_is_told_that_and_not_of_its_constructor(
    tmp_path: Path, methods: tuple[str, str]
) -> None:
    node = f"class Mean : public ff::Ticking<ff::Node<ff::Frame, double>> {{\n public:{methods[1]}\n}};\n"
    errors = compiler_errors(
        tmp_path, f'{HEAD}{node}FRESHFRAME_NODE(Mean, "mean");\n', "-Wno-overloaded-virtual"
    )
    assert "FRESHFRAME_NODE: the class is abstract: a method of its base is missing" in errors[0]
    assert not any("public constructor" in error for error in errors)


@pytest.mark.slow
def test_an_older_cpp_is_named_first(tmp_path: Path) -> None:
    assert "needs C++17: compile with -std=c++17 or later" in compiler_errors(tmp_path, HEAD, "-std=c++14")[0]
    python = f"-I{sysconfig.get_path('include')}"
    first = compiler_errors(tmp_path, "#include <freshframe/gil.hpp>\n", "-std=c++17", python)[0]
    assert "needs C++20: compile with -std=c++20 or later" in first


@pytest.mark.slow
def test_a_node_with_a_private_base_is_one_error_with_a_sentence(tmp_path: Path) -> None:
    code = NODE.replace(": public", ":", 1) + 'FRESHFRAME_NODE(Mean, "mean");\n'
    (error,) = compiler_errors(tmp_path, HEAD + code)
    assert "a node's class derives publicly from freshframe::plugin::Node or Source" in error


RUN_TIME = """
class Wrong : public ff::Node<ff::Frame, ff::Frame> {
 public:
  explicit Wrong(const ff::Options& options) : how_(options.get("how", "")) {}
  std::optional<ff::Frame> process(const ff::Sample<ff::Frame>& sample, ff::Context& context) override {
    ff::Picture like;
    like.width = 63;
    like.height = 47;
    if (how_ == "format") like.format = "yuyv";
    if (how_ == "size") like.width = 0;
    if (how_ == "range") like.range = "tv";
    if (how_ == "space") like.space = "srgb";
    if (how_ == "plane") return (void)sample.value.picture().plane(7), sample.value.keep();
    if (how_ == "shown") return (void)sample.value.to("yuyv"), sample.value.keep();
    if (how_ == "published") {
      auto made = context.make_frame(like);
      auto published = std::move(made).publish();
      made.row(0)[0] = 1;
      return published;
    }
    if (how_ == "indexes") {
      ff::Table table;
      table.add("n", std::vector<double>{1, 2});
      return (void)table.column<double>("n")(0, 1), sample.value.keep();
    }
    if (how_ == "format" || how_ == "size" || how_ == "range" || how_ == "space")
      return context.make_frame(like).publish();
    auto memory = std::make_shared<std::vector<std::uint8_t>>(63 * 47 * 3);
    like.format = "nv12";
    like.plane_count = how_ == "count" ? 1 : 2;
    like.planes[0] = {memory->data(), 47, 63, how_ == "stride" ? 60 : 63};
    like.planes[1] = {memory->data(), how_ == "rows" ? 23 : 24, 64, 64};
    if (how_ == "data") like.planes[1].data = nullptr;
    if (how_ == "keeper") return context.wrap_frame(like, nullptr);
    if (how_ == "static") return context.wrap_frame(like, {std::shared_ptr<void>(), forever(like)});
    return context.wrap_frame(like, memory);
  }

 private:
  static const std::uint8_t* forever(ff::Picture& picture) {
    static std::uint8_t pixels[64 * 72] = {9};
    picture.planes[0].data = pixels;
    picture.planes[1].data = pixels + 63 * 47;
    return pixels;
  }
  std::string how_;
};
FRESHFRAME_NODE(Wrong, "wrong");
"""
SIZE = r"a frame of 63x47 pixels in "
FOUND = {
    "format": rf"cannot make {SIZE}'yuyv': the formats are gray, nv12, i420, i422, i444, bgr and rgb",
    "size": r"a frame of 0x47 pixels in 'gray': width and height must be at least 1",
    "range": rf"{SIZE}'gray': its range must be full or limited, got 'tv'",
    "space": rf"{SIZE}'gray': its space must be unspecified, bt601, bt709 or bt2020, got 'srgb'",
    "count": rf"cannot wrap {SIZE}'nv12': plane_count must be 2, got 1",
    "rows": rf"{SIZE}'nv12': plane 1 must have 24 rows of 64 bytes, got 23 rows of 64",
    "stride": rf"{SIZE}'nv12': plane 0 must have a stride of at least 63 bytes, got 60",
    "data": rf"{SIZE}'nv12': plane 1 has no data",
    "keeper": r"needs `keep`, the owner of the frame's memory, got null",
    "plane": r"plane index 7 is out of range: plane_count is 1",
    "published": r"plane index 0 is out of range: plane_count is 0",
    "shown": r"cannot read the frame as 'yuyv'; the formats are gray",
    "indexes": r"the column has 1 dimension and needs as many indices, got 2",
}


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("mistakes"), HEAD + RUN_TIME, language="c++")


@pytest.mark.table(cases=2)
@pytest.mark.parametrize("how", FOUND)
def test_a_wrong_picture_is_an_error_that_says_what_was_wanted_and_found(plugin: Path, how: str) -> None:
    frame = ff.Frame.from_array(picture(1), "gray")
    with pytest.raises(ff.NodeError, match=FOUND[how]):
        run_node(ff.native.node(plugin, "wrong", how=how), [frame])


@pytest.mark.parametrize("how", ["fine", "static"])
def test_a_right_picture_is_a_frame_also_of_memory_that_lives_forever(plugin: Path, how: str) -> None:
    frame = ff.Frame.from_array(picture(1), "gray")
    (sample,) = run_node(ff.native.node(plugin, "wrong", how=how), [frame])
    assert (sample.value.width, sample.value.height, sample.value.format) == (63, 47, "nv12")
    assert sample.value.luma[0, 0] == (9 if how == "static" else 0)
