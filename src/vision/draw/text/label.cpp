// Renders labels with Cairo.
// SPDX-License-Identifier: Apache-2.0
#include "vision/draw/text/label.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <numbers>

#include <cairo.h>

namespace freshframe::vision {

namespace {

// Note [Font] Uses Cairo's built-in font (named "@cairo:", see the NEWS of 1.8) instead of a system font. It
// renders the same on every machine, works without installed fonts, and avoids Fontconfig's start-up time and
// messages on stderr.
constexpr const char* kFont = "@cairo:";

struct CairoDelete {
  void operator()(cairo_t* context) const noexcept { cairo_destroy(context); }
  void operator()(cairo_surface_t* surface) const noexcept { cairo_surface_destroy(surface); }
};

/// An alpha mask that Cairo draws.
class Sketch {
 public:
  Sketch(int width, int height)
      : surface_(cairo_image_surface_create(CAIRO_FORMAT_A8, width, height)),
        cairo_(cairo_create(surface_.get())) {}

  [[nodiscard]] cairo_t* cairo() const noexcept { return cairo_.get(); }

  void use_font(double size) {
    cairo_select_font_face(cairo(), kFont, CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_BOLD);  // Note [Font]
    cairo_set_font_size(cairo(), size);
  }

  [[nodiscard]] std::vector<std::uint8_t> bytes() const {
    cairo_surface_flush(surface_.get());
    const cairo_status_t status = cairo_status(cairo());
    if (status != CAIRO_STATUS_SUCCESS) {
      throw Error(std::string("Annotate cannot draw a label: Cairo reports '") +
                  cairo_status_to_string(status) + "'");
    }
    const auto width = static_cast<std::size_t>(cairo_image_surface_get_width(surface_.get()));
    const auto height = static_cast<std::size_t>(cairo_image_surface_get_height(surface_.get()));
    const auto stride = static_cast<std::size_t>(cairo_image_surface_get_stride(surface_.get()));
    const unsigned char* const data = cairo_image_surface_get_data(surface_.get());
    std::vector<std::uint8_t> out(width * height);
    for (std::size_t y = 0; y < height; ++y) std::copy_n(data + y * stride, width, out.data() + y * width);
    return out;
  }

 private:
  std::unique_ptr<cairo_surface_t, CairoDelete> surface_;
  std::unique_ptr<cairo_t, CairoDelete> cairo_;
};

void rounded_box(cairo_t* cairo, double width, double height, double radius) {
  constexpr double kQuarter = 0.5 * std::numbers::pi;
  const double left = Label::kMargin;
  const double top = Label::kMargin;
  cairo_new_sub_path(cairo);
  cairo_arc(cairo, left + width - radius, top + radius, radius, -kQuarter, 0);
  cairo_arc(cairo, left + width - radius, top + height - radius, radius, 0, kQuarter);
  cairo_arc(cairo, left + radius, top + height - radius, radius, kQuarter, 2 * kQuarter);
  cairo_arc(cairo, left + radius, top + radius, radius, 2 * kQuarter, 3 * kQuarter);
  cairo_close_path(cairo);
}

Label draw(const std::string& text, double font) {
  cairo_text_extents_t extents;
  Sketch measured(1, 1);
  measured.use_font(font);
  cairo_text_extents(measured.cairo(), text.c_str(), &extents);
  const double width = std::ceil(std::max(extents.x_advance + 0.8 * font, 1.4 * font));
  const double height = std::ceil(1.35 * font);
  Label label;
  label.width = static_cast<int>(width) + 2 * Label::kMargin;
  label.height = static_cast<int>(height) + 2 * Label::kMargin;

  const Sketch tag(label.width, label.height);
  rounded_box(tag.cairo(), width, height, 0.45 * font);
  cairo_fill(tag.cairo());
  label.tag = tag.bytes();

  const Sketch edge(label.width, label.height);
  rounded_box(edge.cairo(), width, height, 0.45 * font);
  cairo_set_line_width(edge.cairo(), 1);
  cairo_stroke(edge.cairo());
  label.edge = edge.bytes();

  Sketch letters(label.width, label.height);
  letters.use_font(font);
  cairo_move_to(letters.cairo(), Label::kMargin + 0.5 * (width - extents.width) - extents.x_bearing,
                Label::kMargin + 0.5 * (height - extents.height) - extents.y_bearing);
  cairo_show_text(letters.cairo(), text.c_str());
  label.letters = letters.bytes();
  return label;
}

}  // namespace

Lettering lettering(const std::string& text, double font) {
  cairo_font_extents_t line;
  cairo_text_extents_t extents;
  Sketch measured(1, 1);
  measured.use_font(font);
  cairo_font_extents(measured.cairo(), &line);
  cairo_text_extents(measured.cairo(), text.c_str(), &extents);
  Lettering result;
  result.width = std::max(1, static_cast<int>(std::ceil(extents.x_advance)));
  result.height = std::max(1, static_cast<int>(std::ceil(line.ascent + line.descent)));
  Sketch letters(result.width, result.height);
  letters.use_font(font);
  cairo_move_to(letters.cairo(), 0, line.ascent);
  cairo_show_text(letters.cairo(), text.c_str());
  result.mask = letters.bytes();
  return result;
}

const Label& Labels::label(const std::string& text, double font) {
  if (font != font_ || labels_.size() >= kMost) labels_.clear();
  font_ = font;
  const auto known = labels_.find(text);
  if (known != labels_.end()) return known->second;
  return labels_.emplace(text, draw(text, font)).first->second;
}

// Replacements for letters that Cairo's built-in font does not have. It covers ASCII.

namespace {

constexpr char32_t kFirstLatin = 0xC0;
constexpr char32_t kEndOfLatin = 0x180;

// Replacements for U+00C0 to U+017F, separated by spaces.
constexpr std::string_view kLatin =
    "A A A A A A AE C E E E E I I I I D N O O O O O x O U U U U Y Th ss a a a a a a ae c e e e e i i i "
    "i d n o o o o o : o u u u u y th y A a A a A a C c C c C c C c D d D d E e E e E e E e E e G g G g "
    "G g G g H h H h I i I i I i I i I i IJ ij J j K k k L l L l L l L l L l N n N n N n 'n N n O o O o "
    "O o OE oe R r R r R r S s S s S s S s T t T t T t U u U u U u U u U u U u W w Y y Y Z z Z z Z z s";

constexpr auto kLatinWords = [] {
  std::array<std::string_view, kEndOfLatin - kFirstLatin> made;
  std::string_view rest = kLatin;
  for (auto& word : made) {
    word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
  }
  return made;
}();

constexpr char kMissing = '\x7f';  // DEL: the font draws it as a box, like all missing glyphs
constexpr char32_t kWrong = 0xFFFD;

/// Takes one code point from the front. Returns kWrong for bytes that are not UTF-8.
char32_t take_letter(std::string_view& text) {
  const auto first = static_cast<unsigned char>(text.front());
  text.remove_prefix(1);
  if (first < 0x80) return first;
  const int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
  if (first < 0xC2 || first > 0xF4) return kWrong;
  char32_t letter = first & (0x3FU >> static_cast<unsigned>(more));
  for (int i = 0; i < more; ++i) {
    if (text.empty() || (static_cast<unsigned char>(text.front()) & 0xC0U) != 0x80U) return kWrong;
    letter = letter << 6U | (static_cast<unsigned char>(text.front()) & 0x3FU);
    text.remove_prefix(1);
  }
  return letter;
}

bool is_accent(char32_t letter) {  // a combining accent, which follows its letter
  return letter >= 0x300 && letter < 0x370;
}

}  // namespace

std::string drawable_text(std::string_view text, std::size_t most) {
  constexpr std::string_view kMore = "...";
  std::string result;
  while (!text.empty() && result.size() <= most) {
    const char32_t letter = take_letter(text);
    if (letter >= 0x20 && letter < 0x7F) {
      result += static_cast<char>(letter);
    } else if (letter < 0x20 || letter == 0xA0) {
      result += ' ';
    } else if (letter >= kFirstLatin && letter < kEndOfLatin) {
      result += kLatinWords[letter - kFirstLatin];
    } else if (!is_accent(letter)) {
      result += kMissing;
    }
  }
  if (result.size() <= most) return result;
  const auto kept = most > kMore.size() ? most - kMore.size() : 0;
  return result.substr(0, kept).append(kMore.substr(0, most - kept));
}

}  // namespace freshframe::vision
