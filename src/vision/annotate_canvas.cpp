// Moves tiles of pixels between BGR, three bytes each, and Cairo's RGB24, four bytes each.
// SPDX-License-Identifier: Apache-2.0
#include "vision/annotate_canvas.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <string>

namespace freshframe {
namespace {

static_assert(std::endian::native == std::endian::little, "Cairo's pixels are taken for B, G, R, unused");

// Four pixels are three words of BGR. Cairo ignores the fourth byte of a pixel.

void widen(const std::uint8_t* bgr, std::uint32_t* pixels, int count) {
  int x = 0;
  for (; x + 4 <= count; x += 4) {
    std::array<std::uint32_t, 3> words{};
    std::memcpy(words.data(), bgr + 3 * static_cast<std::ptrdiff_t>(x), sizeof words);
    pixels[x] = words[0];
    pixels[x + 1] = (words[0] >> 24U) | (words[1] << 8U);
    pixels[x + 2] = (words[1] >> 16U) | (words[2] << 16U);
    pixels[x + 3] = words[2] >> 8U;
  }
  for (; x < count; ++x) std::memcpy(pixels + x, bgr + 3 * static_cast<std::ptrdiff_t>(x), 3);
}

void narrow(const std::uint32_t* pixels, std::uint8_t* bgr, int count) {
  constexpr std::uint32_t kColor = 0xFFFFFF;
  int x = 0;
  for (; x + 4 <= count; x += 4) {
    const std::array<std::uint32_t, 3> words = {
        (pixels[x] & kColor) | (pixels[x + 1] << 24U),
        ((pixels[x + 1] & kColor) >> 8U) | (pixels[x + 2] << 16U),
        ((pixels[x + 2] & kColor) >> 16U) | (pixels[x + 3] << 8U),
    };
    std::memcpy(bgr + 3 * static_cast<std::ptrdiff_t>(x), words.data(), sizeof words);
  }
  for (; x < count; ++x) std::memcpy(bgr + 3 * static_cast<std::ptrdiff_t>(x), pixels + x, 3);
}

int tile_at(double place, int tile, int tiles) {
  return static_cast<int>(std::clamp(std::floor(place / tile), 0.0, static_cast<double>(tiles - 1)));
}

}  // namespace

void AnnotateCanvas::begin(const Picture& bgr) {
  bgr_ = bgr.planes[0];
  if (bgr.format.width != width_ || bgr.format.height != height_) resize(bgr.format.width, bgr.format.height);
  std::ranges::fill(loaded_, std::uint8_t{0});
  context_.reset(cairo_create(surface_.get()));
}

void AnnotateCanvas::resize(int width, int height) {
  width_ = width;
  height_ = height;
  columns_ = (width + kTile - 1) / kTile;
  const int rows = (height + kTile - 1) / kTile;
  loaded_.resize(static_cast<std::size_t>(columns_) * static_cast<std::size_t>(rows));
  surface_.reset();
  pixels_.assign(static_cast<std::size_t>(width) * static_cast<std::size_t>(height), 0);
  surface_.reset(cairo_image_surface_create_for_data(reinterpret_cast<unsigned char*>(pixels_.data()),
                                                     CAIRO_FORMAT_RGB24, width, height, 4 * width));
}

void AnnotateCanvas::touch(const Box& box) {
  if (!meets(box)) return;
  const int rows = static_cast<int>(loaded_.size()) / columns_;
  const int right = tile_at(box.right, kTile, columns_);
  const int bottom = tile_at(box.bottom, kTile, rows);
  cairo_surface_flush(surface_.get());
  for (int row = tile_at(box.top, kTile, rows); row <= bottom; ++row) {
    for (int column = tile_at(box.left, kTile, columns_); column <= right; ++column) load(column, row);
  }
  cairo_surface_mark_dirty(surface_.get());
}

void AnnotateCanvas::load(int column, int row) {
  auto& loaded = loaded_[static_cast<std::size_t>(row) * static_cast<std::size_t>(columns_) +
                         static_cast<std::size_t>(column)];
  if (loaded != 0) return;
  loaded = 1;
  const int x = column * kTile;
  const int bottom = std::min((row + 1) * kTile, height_);
  for (int y = row * kTile; y < bottom; ++y) {
    widen(bgr_.row(y) + 3 * static_cast<std::ptrdiff_t>(x), pixel(x, y), std::min(kTile, width_ - x));
  }
}

void AnnotateCanvas::store(int column, int row) {
  const int x = column * kTile;
  const int bottom = std::min((row + 1) * kTile, height_);
  for (int y = row * kTile; y < bottom; ++y) {
    // The picture is still being made, so its memory is writable: see begin().
    auto* const to = const_cast<std::uint8_t*>(bgr_.row(y)) + 3 * static_cast<std::ptrdiff_t>(x);
    narrow(pixel(x, y), to, std::min(kTile, width_ - x));
  }
}

void AnnotateCanvas::finish() {
  cairo_surface_flush(surface_.get());
  const cairo_status_t status = cairo_status(context_.get());
  context_.reset();
  if (status != CAIRO_STATUS_SUCCESS) {
    throw Error("Annotate cannot draw on a picture of " + std::to_string(width_) + "x" +
                std::to_string(height_) + ": Cairo says '" + cairo_status_to_string(status) + "'");
  }
  for (std::size_t i = 0; i < loaded_.size(); ++i) {
    if (loaded_[i] == 0) continue;
    const int tile = static_cast<int>(i);
    store(tile % columns_, tile / columns_);
  }
}

}  // namespace freshframe
