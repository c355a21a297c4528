// A recursive-descent parser of the v0 grammar that prints while it parses.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/names/rust_names.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "gil_watch/names/rust_letters.hpp"
#include "gil_watch/names/utf8.hpp"

namespace freshframe::gil {

namespace {

// Decodes an escape of the older mangling, which stands for a character that a symbol cannot contain. Returns
// nullopt if it is unknown.
std::optional<std::string> unescaped(std::string_view code) {
  static constexpr std::pair<std::string_view, std::string_view> kCodes[] = {
      {"SP", "@"}, {"BP", "*"}, {"RF", "&"}, {"LT", "<"}, {"GT", ">"}, {"LP", "("}, {"RP", ")"}, {"C", ","}};
  for (const auto& [known, text] : kCodes) {
    if (known == code) return std::string(text);
  }
  if (code.size() < 2 || code.size() > 7 || code.front() != 'u' ||
      !std::ranges::all_of(code.substr(1), is_hex))
    return std::nullopt;
  std::string text;
  const auto point = static_cast<std::uint32_t>(std::stoul(std::string(code.substr(1)), nullptr, 16));
  return append_point(text, point) ? std::optional(text) : std::nullopt;
}

bool is_hash(std::string_view part) {
  return part.size() == 17 && part.front() == 'h' && std::ranges::all_of(part.substr(1), is_hex);
}

}  // namespace

std::string without_rust_hash(std::string_view name) {
  constexpr std::string_view kPart = "::";
  const std::size_t last = name.rfind(kPart);
  if (last == std::string_view::npos || !is_hash(name.substr(last + kPart.size()))) return std::string(name);
  std::string_view rest = name.substr(0, last);
  std::string made;
  // True at the start of a path component. There an underscore before an escape is dropped, since it was only
  // added so that the component begins with a letter.
  bool begins = true;
  while (!rest.empty()) {
    if (begins && rest.starts_with("_$")) rest.remove_prefix(1);
    begins = false;
    std::size_t taken = 1;
    const std::size_t end = rest.front() == '$' ? rest.find('$', 1) : std::string_view::npos;
    const auto escape = end == std::string_view::npos ? std::nullopt : unescaped(rest.substr(1, end - 1));
    if (escape) {
      made += *escape;
      taken = end + 1;
    } else if (rest.starts_with(kPart) || rest.starts_with("..")) {
      made += kPart;
      begins = rest.starts_with(kPart);
      taken = kPart.size();
    } else {
      made += rest.front();
    }
    rest.remove_prefix(taken);
  }
  return made;
}

namespace {

constexpr std::size_t kLongestName = 4000;  // back references can make a short symbol expand without limit
constexpr int kMaxDepth = 200;

std::string_view basic_type(char tag) {
  static constexpr std::array<std::string_view, 26> kTypes{
      "i8",   "bool", "char", "f64", "str", "f32", "",    "u8", "isize", "usize", "",    "i32", "u32",
      "i128", "u128", "_",    "",    "",    "i16", "u16", "()", "...",   "",      "i64", "u64", "!"};
  return tag >= 'a' && tag <= 'z' ? kTypes[static_cast<std::size_t>(tag - 'a')] : "";
}

// Parses one symbol. After an error, `in_.failed()` is set and all methods return nothing.
class Reader {
 public:
  explicit Reader(std::string_view text) : in_(text) {}

  std::string symbol() {
    path(true);
    // The instantiating crate is not part of the name. A suffix added by the linker begins with a dot.
    if (in_.peek() >= 'A' && in_.peek() <= 'Z') quietly([&] { path(false); });
    const bool ended = in_.at_end() || in_.peek() == '.' || in_.peek() == '$';
    return in_.failed() || !ended ? "" : std::move(out_);
  }

 private:
  class Deeper {
   public:
    explicit Deeper(Reader& reader) : reader_(reader) {
      if (++reader_.depth_ > kMaxDepth) reader_.in_.fail();
    }
    ~Deeper() { --reader_.depth_; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;

   private:
    Reader& reader_;
  };
  void print(std::string_view text) {
    if (in_.failed() || silent_) return;
    out_ += text;
    if (out_.size() > kLongestName) in_.fail();
  }

  // ---- back references

  template <class Read>
  void back_reference(Read&& read) {
    const std::size_t here = in_.place() - 1;  // position of the B
    const std::uint64_t to = in_.base_62();
    if (to >= here) in_.fail();
    if (in_.failed() || silent_) return;
    const std::size_t after = in_.go_to(static_cast<std::size_t>(to));
    read();
    in_.go_to(after);
  }
  template <class Read>
  void quietly(Read&& read) {
    const bool before = std::exchange(silent_, true);
    read();
    silent_ = before;
  }

  // ---- paths

  // `in_value`: generic arguments begin with "::", as in an expression. `open`: leaves its "<...>" open, so
  // that the caller can add to it; returns whether there is one.
  bool path(bool in_value, bool open = false) {
    const Deeper deeper(*this);
    bool opened = false;
    switch (in_.next()) {
      case 'C':
        print(in_.identifier().text);
        break;
      case 'M':
        implementation();
        print("<");
        type();
        print(">");
        break;
      case 'X':
        implementation();
        [[fallthrough]];
      case 'Y':
        print("<");
        type();
        print(" as ");
        path(false);
        print(">");
        break;
      case 'N':
        nested(in_value);
        break;
      case 'I':
        path(in_value);
        print(in_value ? "::<" : "<");
        list([&] { generic_argument(); });
        opened = open;
        if (!open) print(">");
        break;
      case 'B':
        back_reference([&] { opened = path(in_value, open); });
        break;
      default:
        in_.fail();
    }
    return opened;
  }
  void implementation() {
    in_.optional_base_62('s');
    quietly([&] { path(false); });
  }
  void nested(bool in_value) {
    const char space = in_.next();
    path(in_value);
    const RustLetters::Identifier name = in_.identifier();
    if (space >= 'A' && space <= 'Z') {
      const std::string kind = space == 'C' ? "closure" : space == 'S' ? "shim" : std::string(1, space);
      print("::{" + kind + (name.text.empty() ? "" : ":" + name.text) + "#" + std::to_string(name.number) +
            "}");
    } else if (!name.text.empty()) {
      print("::" + name.text);
    }
  }

  // Reads items up to the closing E and prints them separated by commas. Returns their number.
  template <class Read>
  int list(Read&& read) {
    int count = 0;
    while (!in_.failed() && !in_.eat('E')) {
      if (count++ > 0) print(", ");
      read();
    }
    return count;
  }

  void generic_argument() {
    if (in_.eat('L')) {
      lifetime(in_.base_62());
    } else if (in_.eat('K')) {
      constant(false);
    } else {
      type();
    }
  }
  void lifetime(std::uint64_t index) {
    if (index == 0) {
      print("'_");
    } else if (index > bound_) {
      in_.fail();
    } else {
      const std::uint64_t depth = bound_ - index;
      print(depth < 26 ? std::string("'") + static_cast<char>('a' + depth) : "'_" + std::to_string(depth));
    }
  }
  // Reads `for<'a, 'b>` and the type or trait that it applies to.
  template <class Read>
  void binder(Read&& read) {
    const std::uint64_t count = in_.optional_base_62('G');
    constexpr std::uint64_t kMost = 100;
    if (count > kMost) in_.fail();
    for (std::uint64_t i = 0; i < count && !in_.failed(); ++i) {
      print(i == 0 ? "for<" : ", ");
      ++bound_;
      lifetime(1);
    }
    if (count > 0) print("> ");
    read();
    if (!in_.failed()) bound_ -= count;
  }

  // ---- types

  void type() {
    const Deeper deeper(*this);
    const char tag = in_.peek();
    if (const std::string_view basic = basic_type(tag); !basic.empty()) {
      in_.next();
      print(basic);
      return;
    }
    switch (in_.next()) {
      case 'R':
      case 'Q':
        print("&");
        if (in_.eat('L')) borrowed_for(in_.base_62());
        if (tag == 'Q') print("mut ");
        type();
        break;
      case 'P':
      case 'O':
        print(tag == 'P' ? "*const " : "*mut ");
        type();
        break;
      case 'A':
      case 'S':
        print("[");
        type();
        if (tag == 'A') {
          print("; ");
          constant(true);
        }
        print("]");
        break;
      case 'T':
        print("(");
        if (list([&] { type(); }) == 1) print(",");
        print(")");
        break;
      case 'F':
        binder([&] { function(); });
        break;
      case 'D':
        object();
        break;
      case 'B':
        back_reference([&] { type(); });
        break;
      default:
        in_.go_to(in_.place() - 1);
        path(false);
    }
  }
  void borrowed_for(std::uint64_t index) {
    if (index == 0) return;
    lifetime(index);
    print(" ");
  }
  void function() {
    if (in_.eat('U')) print("unsafe ");
    if (in_.eat('K')) {
      std::string abi = in_.eat('C') ? "C" : in_.plain_identifier();
      std::ranges::replace(abi, '_', '-');
      print("extern \"" + abi + "\" ");
    }
    print("fn(");
    list([&] { type(); });
    print(")");
    if (in_.eat('u')) return;  // -> ()
    print(" -> ");
    type();
  }
  void object() {
    print("dyn ");
    binder([&] {
      for (int count = 0; !in_.failed() && !in_.eat('E'); ++count) {
        if (count > 0) print(" + ");
        bound_trait();
      }
    });
    if (!in_.eat('L')) in_.fail();
    if (const std::uint64_t index = in_.base_62(); index != 0) {
      print(" + ");
      lifetime(index);
    }
  }
  void bound_trait() {
    bool open = path(false, true);
    while (in_.eat('p')) {
      print(open ? ", " : "<");
      open = true;
      print(in_.plain_identifier() + " = ");
      type();
    }
    if (open) print(">");
  }

  // ---- constants

  // `in_value`: it is part of another constant or of an array's length. Otherwise everything but literals is
  // put in braces.
  void constant(bool in_value) {
    const Deeper deeper(*this);
    const char tag = in_.next();
    const bool braces = !in_value && std::string_view("eRQATV").find(tag) != std::string_view::npos;
    if (braces) print("{");
    switch (tag) {
      case 'p':
        print("_");
        break;
      case 'B':
        back_reference([&] { constant(in_value); });
        break;
      case 'b':
        print(in_.hex() == "0" ? "false" : "true");
        break;
      case 'c':
        character();
        break;
      case 'e':
        print("*");
        text();
        break;
      case 'R':
      case 'Q':
        if (tag == 'R' && in_.eat('e')) {
          text();
        } else {
          print(tag == 'R' ? "&" : "&mut ");
          constant(true);
        }
        break;
      case 'A':
        print("[");
        list([&] { constant(true); });
        print("]");
        break;
      case 'T':
        print("(");
        if (list([&] { constant(true); }) == 1) print(",");
        print(")");
        break;
      case 'V':
        structure();
        break;
      default:
        integer(tag);
    }
    if (braces) print("}");
  }
  void structure() {
    path(true);
    const char kind = in_.next();
    if (kind == 'T') {
      print("(");
      list([&] { constant(true); });
      print(")");
    } else if (kind == 'S') {
      print(" { ");
      list([&] {
        print(in_.identifier().text + ": ");
        constant(true);
      });
      print(" }");
    } else if (kind != 'U') {
      in_.fail();
    }
  }
  void integer(char tag) {
    if (std::string_view("hjmotyailnsx").find(tag) == std::string_view::npos) in_.fail();
    if (in_.eat('n')) print("-");
    const std::string digits = in_.hex();
    if (digits.size() > 16) return print("0x" + digits);
    print(in_.failed() ? "" : std::to_string(std::stoull(digits, nullptr, 16)));
  }
  void character() {
    const std::string digits = in_.hex();
    if (in_.failed() || digits.size() > 6) {
      in_.fail();
      return;
    }
    const auto point = static_cast<std::uint32_t>(std::stoul(digits, nullptr, 16));
    std::string letter;
    if (point < 0x20 || point == 0x7F || !append_point(letter, point)) letter = "\\u{" + digits + "}";
    print("'" + letter + "'");
  }
  // Reads a string constant, whose UTF-8 bytes are written as hexadecimal digits.
  void text() {
    std::string letters;
    while (is_hex(in_.peek())) {
      const std::array<char, 3> byte{in_.next(), in_.next(), '\0'};
      if (in_.failed() || !is_hex(byte[1])) {
        in_.fail();
        return;
      }
      letters += static_cast<char>(std::stoul(byte.data(), nullptr, 16));
    }
    if (!in_.eat('_')) in_.fail();
    print("\"" + letters + "\"");
  }

  RustLetters in_;  // the symbol after "_R"; back references count from there
  std::string out_;
  std::uint64_t bound_ = 0;  // number of lifetimes bound by enclosing binders
  int depth_ = 0;
  bool silent_ = false;
};

}  // namespace

std::string demangle_rust(std::string_view symbol) {
  if (!symbol.starts_with("_R") || symbol.size() < 3) return "";
  return is_digit(symbol[2]) ? "" : Reader(symbol.substr(2)).symbol();  // a digit is an encoding version
}

}  // namespace freshframe::gil
