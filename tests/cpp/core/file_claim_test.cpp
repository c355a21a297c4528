// Claims of files: against this process, other openings, and forked children.
// SPDX-License-Identifier: Apache-2.0
#include "core/file_claim.hpp"

#include <array>
#include <fstream>
#include <optional>
#include <string>
#include <utility>

#include "cpp/media/files.hpp"
#include "cpp/support.hpp"
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace freshframe::test {
namespace {

using core::WriteClaim;
using platform::File;

/// Opens a file and claims it, unless it is already claimed.
struct Claimed {
  explicit Claimed(const std::string& path, WriteClaim::Purpose purpose = WriteClaim::Purpose::Write) {
    int error = 0;
    file = File::open_or_create(path, error);
    EXPECT_EQ(error, 0);
    platform::FileFacts facts;
    EXPECT_EQ(file.look(facts), 0);
    opened = {.number = file.number(), .id = facts.id};
    if (auto own = WriteClaim::try_claim(opened, purpose, why)) claim.emplace(std::move(*own));
  }

  File file;
  core::OpenedFile opened;
  const char* why = nullptr;
  std::optional<WriteClaim> claim;
};

[[nodiscard]] bool is_locked(const std::string& path) {
  int error = 0;
  const auto file = File::open_to_read(path, error);
  EXPECT_TRUE(file.is_open());
  return platform::is_locked_by_writer(file.number());
}

TEST(WriteClaims, EndWithTheirObjectAndNotWithAnotherOpeningOfTheFile) {
  const Folder folder;
  const auto path = folder.file("a");
  Claimed first(path);
  ASSERT_TRUE(first.claim);
  EXPECT_TRUE(first.claim->is_locked());
  {
    const std::ifstream reader(path);
  }
  EXPECT_TRUE(is_locked(path));
  {
    const Claimed second(path);
    EXPECT_STREQ(second.why, "this process is writing the file already");
    EXPECT_STREQ(core::find_writer(second.opened), second.why);
  }
  EXPECT_TRUE(is_locked(path));
  first.claim->release();
  first.claim->release();
  EXPECT_FALSE(is_locked(path));
  EXPECT_EQ(core::find_writer(first.opened), nullptr);
  EXPECT_TRUE(Claimed(path).claim);
}

TEST(WriteClaims, SeeOtherProgramsAndReaders) {
  const Folder folder;
  const auto path = folder.file("a");
  int error = 0;
  auto other = File::open_or_create(path, error);
  ASSERT_EQ(platform::try_lock(other.number(), platform::FileLock::Exclusive), platform::Locking::Done);
  for (const auto purpose : {WriteClaim::Purpose::Write, WriteClaim::Purpose::Delete}) {
    const Claimed refused(path, purpose);
    EXPECT_STREQ(refused.why, "another process is writing the file");
    EXPECT_STREQ(core::find_writer(refused.opened), refused.why);
  }
  other.close();
  const auto id = Claimed(path).opened.id;
  const core::ReadClaim reader(id);
  EXPECT_STREQ(Claimed(path).why, "a source of this process is reading the file");
  EXPECT_TRUE(Claimed(path, WriteClaim::Purpose::Delete).claim);
}

/// Returns the exit status of a child process that runs `test`.
template <class Test>
int run_in_child(const Test& test) {
  const auto child = ::fork();
  if (child == 0) ::_exit(test());
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(WriteClaims, AreNotOfAForkedChild) {
  const Folder folder;
  const auto path = folder.file("a");
  Claimed own(path);
  ASSERT_TRUE(own.claim);
  EXPECT_EQ(run_in_child([&] {
              if (own.file.place(path) == platform::FilePlace::Same)
                return 1;  // the child has closed the file
              if (::fcntl(own.file.number(), F_GETFD) != FD_CLOEXEC)
                return 2;                      // another file reserves its number
              if (!is_locked(path)) return 3;  // the parent still holds the lock
              own.claim.reset();               // must not release the parent's lock
              const Claimed again(path);
              return again.claim || std::string(again.why) != "another process is writing the file" ? 4 : 0;
            }),
            0);
  EXPECT_TRUE(is_locked(path));
}

TEST(WriteClaims, EndWithTheirProcessAlthoughItsForkedChildLivesOn) {
  const Folder folder;
  const auto path = folder.file("a");
  std::array<int, 2> to_child{};
  std::array<int, 2> from_child{};
  ASSERT_EQ(::pipe2(to_child.data(), O_CLOEXEC), 0);
  ASSERT_EQ(::pipe2(from_child.data(), O_CLOEXEC), 0);
  const auto parent = ::fork();
  if (parent == 0) {
    const Claimed own(path);
    if (::fork() == 0) {  // the child lives until its pipe is closed
      char byte = 0;
      ::close(to_child[1]);
      static_cast<void>(::write(from_child[1], "x", 1) == 1);
      ::_exit(static_cast<int>(::read(to_child[0], &byte, 1)));
    }
    char byte = 0;
    ::_exit(own.claim && ::read(from_child[0], &byte, 1) == 1 ? 0 : 1);  // as if it were killed
  }
  int status = 0;
  ASSERT_EQ(::waitpid(parent, &status, 0), parent);
  EXPECT_EQ(status, 0);
  EXPECT_FALSE(is_locked(path));
  for (const int end : {to_child[0], to_child[1], from_child[0], from_child[1]}) ::close(end);
}

}  // namespace
}  // namespace freshframe::test
