// What the core's small steps cost: handles of frames, values, the pool, the histogram.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/frame.hpp"
#include "freshframe/sample.hpp"
#include "freshframe/stats.hpp"

#include <cstddef>

#include <benchmark/benchmark.h>

namespace {

using freshframe::Frame;
using freshframe::FrameBuilder;
using freshframe::FramePool;
using freshframe::PictureFormat;
using freshframe::PixelFormat;

constexpr PictureFormat kHd{.width = 1280, .height = 720, .format = PixelFormat::I420};

void copy_a_frame_handle(benchmark::State& state) {
  const Frame frame = FrameBuilder(kHd).publish();
  for (auto step : state) {
    Frame copy = frame;
    benchmark::DoNotOptimize(copy);
  }
}
BENCHMARK(copy_a_frame_handle);

void build_and_drop_a_pooled_frame(benchmark::State& state) {
  for (auto step : state) {
    Frame frame = FrameBuilder(kHd).publish();
    benchmark::DoNotOptimize(frame);
  }
}
BENCHMARK(build_and_drop_a_pooled_frame);

void take_and_return_a_buffer(benchmark::State& state) {
  FramePool pool;
  for (auto step : state) {
    auto buffer = pool.take(std::size_t{1280} * 720);
    benchmark::DoNotOptimize(buffer.get());
  }
}
BENCHMARK(take_and_return_a_buffer);

void make_a_value(benchmark::State& state) {
  for (auto step : state) {
    auto value = freshframe::ValueRef::make(1.0);
    benchmark::DoNotOptimize(value);
  }
}
BENCHMARK(make_a_value);

void add_to_a_histogram(benchmark::State& state) {
  freshframe::Histogram histogram;
  double seconds = 1e-6;
  for (auto step : state) {
    histogram.add(seconds);
    seconds = seconds < 1 ? seconds * 1.1 : 1e-6;
  }
}
BENCHMARK(add_to_a_histogram);

}  // namespace

BENCHMARK_MAIN();
