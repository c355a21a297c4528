// Memory, random numbers, libraries and the machine.
// SPDX-License-Identifier: Apache-2.0
#include "platform/machine.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <new>
#include <string>

#include "cpp/support.hpp"
#include "platform/forced_unwind.hpp"
#include "platform/library.hpp"
#include "platform/pages.hpp"
#include "platform/random.hpp"
#include <gtest/gtest.h>
#include <pthread.h>

namespace freshframe::test {
namespace {

namespace fs = std::filesystem;

TEST(Machine, IsNamedAndHasNoLoopbackAmongItsAddresses) {
  EXPECT_FALSE(platform::host_name().empty());
  for (const bool six : {false, true}) {
    for (const auto& address : platform::interface_addresses(six)) {
      EXPECT_FALSE(address.starts_with("127.") || address == "::1" || address.starts_with("fe80:"))
          << address;
      EXPECT_TRUE(six || address.find(':') == std::string::npos) << address;
    }
  }
}

TEST(Pages, AreZerosOnWholePages) {
  constexpr std::size_t kSize = std::size_t{64} * 4096;
  const platform::Pages pages(kSize);
  auto* const bytes = static_cast<std::uint8_t*>(pages.data());
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(bytes) % 4096, 0U);
  EXPECT_TRUE(std::all_of(bytes, bytes + kSize, [](std::uint8_t byte) { return byte == 0; }));
  std::fill(bytes, bytes + kSize, std::uint8_t{1});
}

TEST(Pages, BeyondAllMemoryAreRefused) {
  EXPECT_THROW(platform::Pages(std::numeric_limits<std::size_t>::max() / 2), std::bad_alloc);
}

TEST(Random, BytesDifferEachTime) {
  std::array<std::byte, 32> one{};
  std::array<std::byte, 32> two{};
  platform::secret_bytes(one);
  platform::secret_bytes(two);
  EXPECT_NE(one, two);
  EXPECT_TRUE(platform::random_bytes(one));  // false only early during boot
  EXPECT_NE(one, two);
  EXPECT_TRUE(platform::random_bytes({}));
  const auto digits = platform::random_hex(32);
  EXPECT_EQ(digits.size(), 64U);
  EXPECT_EQ(digits.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_NE(digits, platform::random_hex(32));
}

TEST(Library, IsFoundOnceItIsLoaded) {
  EXPECT_FALSE(platform::Library::find_loaded("/no/such/library.so"));
  const auto library = platform::Library::load(FRESHFRAME_TEST_PLUGIN);
  ASSERT_TRUE(platform::Library::find_loaded(FRESHFRAME_TEST_PLUGIN));
  EXPECT_TRUE(library.is_current());
  const auto names = library.exported_names("freshframe_node_1_");
  ASSERT_FALSE(names.empty());
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  const auto symbol = library.find("freshframe_node_1_" + names.front());
  EXPECT_NE(symbol.address, nullptr);
  EXPECT_EQ(library.find("no such symbol").address, nullptr);
  EXPECT_TRUE(library.exported_names("no such prefix").empty());
  platform::keep_loaded(symbol.address);
  platform::keep_loaded(nullptr);  // not in a library: has no effect
  EXPECT_NE(platform::loaded_symbol("malloc"), nullptr);
  EXPECT_EQ(platform::loaded_symbol("no such symbol"), nullptr);
}

TEST(Library, ThatIsInvalidIsRefusedWithTheSystemsReason) {
  const auto path = fs::temp_directory_path() / ("freshframe_no_library_" + std::to_string(::getpid()));
  std::ofstream(path) << "no library";
  try {
    (void)platform::Library::load(path.string());
    ADD_FAILURE() << "loaded";
  } catch (const platform::LoadError& error) {
    EXPECT_NE(std::string(error.what()).find(path.filename().string()), std::string::npos) << error.what();
  }
  fs::remove(path);
}

TEST(ForcedUnwind, IsWhatEndsAThreadByPthreadExit) {
  std::atomic<bool> passed{false};
  pthread_t thread{};
  // GCC's runtime binds the reference in the catch clause to null.
  const auto body = [](void* seen) __attribute__((no_sanitize("null"))) -> void* {
    try {
      ::pthread_exit(nullptr);
    } catch (const platform::ForcedUnwind&) {
      *static_cast<std::atomic<bool>*>(seen) = true;
      throw;
    } catch (...) {
      return nullptr;
    }
  };
  ASSERT_EQ(::pthread_create(&thread, nullptr, body, &passed), 0);
  ::pthread_join(thread, nullptr);
  EXPECT_TRUE(passed);
}

}  // namespace
}  // namespace freshframe::test
