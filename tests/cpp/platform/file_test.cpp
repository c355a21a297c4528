// Files and folders: errors, symlinks, and a folder that is renamed while it is open.
// SPDX-License-Identifier: Apache-2.0
#include "platform/file.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include "cpp/support.hpp"
#include "platform/folder.hpp"
#include "platform/linux/whole_transfer.hpp"
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace freshframe::test {
namespace {

namespace fs = std::filesystem;
using platform::File;
using platform::FileFacts;
using platform::FilePlace;
using platform::Folder;
using platform::SeekFrom;

class Files : public ::testing::Test {
 public:
  Files() { fs::create_directories(folder_); }
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;
  ~Files() override { fs::remove_all(folder_); }

 protected:
  [[nodiscard]] std::string path(const std::string& name) const { return (folder_ / name).string(); }
  [[nodiscard]] std::string content(const std::string& name) const {
    std::ifstream file(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void make(const std::string& name, const std::string& text = "x") const {
    fs::create_directories(fs::path(path(name)).parent_path());
    std::ofstream(path(name)) << text;
  }

 private:
  fs::path folder_ = fs::temp_directory_path() / ("freshframe_files_" + std::to_string(::getpid()));
};

std::vector<std::uint8_t> bytes_in(const std::string& text) {
  return {text.begin(), text.end()};
}

TEST_F(Files, AreMadeOnce) {
  int error = 0;
  const auto file = File::create(path("a"), error);
  EXPECT_TRUE(file.is_open());
  EXPECT_EQ(error, 0);
  EXPECT_FALSE(File::create(path("a"), error).is_open());
  EXPECT_EQ(error, EEXIST);
  EXPECT_TRUE(File::open_or_create(path("a"), error).is_open());
  EXPECT_EQ(error, 0);
  EXPECT_FALSE(File::open_to_write(path("b"), error).is_open());
  EXPECT_EQ(error, ENOENT);
  EXPECT_FALSE(File::create(path("no/folder"), error).is_open());
  EXPECT_EQ(error, ENOENT);
}

TEST_F(Files, AreWrittenReadCutAndMeasured) {
  int error = 0;
  auto file = File::create(path("a"), error);
  std::size_t written = 0;
  EXPECT_EQ(file.write(bytes_in("0123456789"), written), 0);
  EXPECT_EQ(written, 10U);
  EXPECT_EQ(file.write_at(2, bytes_in("xy")), 0);
  std::array<std::uint8_t, 4> into{};
  EXPECT_EQ(file.read_at(1, into), 0);
  EXPECT_EQ(std::string(into.begin(), into.end()), "1xy4");
  EXPECT_EQ(file.read_at(8, into), EIO);  // fewer bytes than requested are left
  EXPECT_EQ(file.seek(0, SeekFrom::End, error), 10);
  EXPECT_EQ(file.seek(-4, SeekFrom::Here, error), 6);
  EXPECT_EQ(file.seek(3, SeekFrom::Begin, error), 3);
  EXPECT_EQ(file.seek(-1, SeekFrom::Begin, error), -1);
  EXPECT_EQ(error, EINVAL);
  EXPECT_EQ(file.cut(5), 0);
  FileFacts facts;
  EXPECT_EQ(file.look(facts), 0);
  EXPECT_TRUE(facts.is_regular);
  EXPECT_EQ(facts.size_bytes, 5);
  EXPECT_EQ(file.close(), 0);
  EXPECT_EQ(content("a"), "01xy4");
}

TEST_F(Files, ThatAreClosedReportIt) {
  int error = 0;
  auto file = File::create(path("a"), error);
  EXPECT_EQ(file.close(), 0);
  EXPECT_EQ(file.close(), 0);
  EXPECT_FALSE(file.is_open());
  FileFacts facts;
  std::size_t written = 1;
  EXPECT_EQ(file.look(facts), EBADF);
  EXPECT_EQ(file.write(bytes_in("x"), written), EBADF);
  EXPECT_EQ(written, 0U);
  EXPECT_EQ(file.cut(0), EBADF);
  EXPECT_FALSE(file.has_name(path("a")));
}

TEST_F(Files, AreInheritedByNoProgram) {
  int error = 0;
  const std::string name = path("a");
  const auto file = File::create(name, error);
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code ignored;
    if (fs::read_symlink(entry.path(), ignored) != name) continue;
    EXPECT_NE(::fcntl(std::stoi(entry.path().filename().string()), F_GETFD) & FD_CLOEXEC, 0);
    return;
  }
  ADD_FAILURE() << "the file is not open";
}

TEST_F(Files, KnowTheirNames) {
  int error = 0;
  const auto file = File::create(path("a"), error);
  EXPECT_EQ(file.place(path("a")), FilePlace::Same);
  EXPECT_TRUE(file.has_name(path("a")));
  fs::create_symlink(path("a"), path("link"));
  EXPECT_EQ(file.place(path("link")), FilePlace::Same);  // the path leads to it
  EXPECT_FALSE(file.has_name(path("link")));             // a symlink is not a name of the file
  fs::rename(path("a"), path("b"));
  EXPECT_EQ(file.place(path("a")), FilePlace::Moved);
  make("a");
  EXPECT_EQ(file.place(path("a")), FilePlace::Moved);
  fs::remove(path("b"));
  EXPECT_EQ(file.place(path("a")), FilePlace::Gone);
  EXPECT_EQ(file.place(path("a") + "/b"), FilePlace::Gone);
}

TEST_F(Files, HaveOneIdentityUnderAllNames) {
  int error = 0;
  const auto one = File::create(path("a"), error);
  fs::create_hard_link(path("a"), path("b"));
  const auto same = File::open_or_create(path("b"), error);
  const auto other = File::open_or_create(path("c"), error);
  FileFacts facts;
  std::set<platform::FileId> ids;
  for (const auto* file : {&one, &same, &other}) {
    EXPECT_EQ(file->look(facts), 0);
    ids.insert(facts.id);
  }
  EXPECT_EQ(ids.size(), 2U);
}

TEST_F(Files, TakeAPipeThatCanOnlyBeWritten) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  const int reader = ::open(path("pipe").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  int error = 0;
  const auto file = File::open_to_write(path("pipe"), error);
  FileFacts facts;
  EXPECT_EQ(file.look(facts), 0);
  EXPECT_FALSE(facts.is_regular);
  EXPECT_EQ(file.seek(0, SeekFrom::Here, error), -1);
  EXPECT_EQ(error, ESPIPE);
  ::close(reader);
}

TEST(NoRoom, IsAFullDiskOrShare) {
  EXPECT_TRUE(platform::is_no_room(ENOSPC));
  EXPECT_TRUE(platform::is_no_room(EDQUOT));
  EXPECT_FALSE(platform::is_no_room(EIO));
  EXPECT_FALSE(platform::is_no_room(0));
}

TEST(WholeTransfer, GoesOnAfterPartsAndInterruptions) {
  std::vector<std::size_t> begun;
  int call = 0;
  std::size_t done = 0;
  const auto part = [&](std::size_t from) -> ssize_t {
    if (++call == 2) {
      errno = EINTR;
      return -1;
    }
    begun.push_back(from);
    return 5;
  };
  EXPECT_EQ(platform::transfer_whole(10, done, part), 0);
  EXPECT_EQ(begun, (std::vector<std::size_t>{0, 5}));
  EXPECT_EQ(done, 10U);
}

TEST(WholeTransfer, EndsWithAnErrorWhenNothingMoves) {
  errno = ENOENT;  // left by an earlier call
  std::size_t done = 0;
  EXPECT_EQ(platform::transfer_whole(10, done, [](std::size_t) { return 0; }), EIO);
  const auto full = [](std::size_t from) -> ssize_t {
    errno = ENOSPC;
    return from == 0 ? 4 : -1;
  };
  EXPECT_EQ(platform::transfer_whole(10, done, full), ENOSPC);
  EXPECT_EQ(done, 4U);
}

int replace(const std::string& path, std::string_view bytes) {
  platform::WholeFile target;
  const int error = platform::find_whole_file(path, target);
  return error != 0 ? error : platform::replace_whole_file(target, bytes, platform::Durability::Renamed);
}

TEST_F(Files, AreReplacedAsAWholeAndKeepTheirRights) {
  EXPECT_EQ(replace(path("a"), "new"), 0);
  const auto mask = ::umask(0);
  ::umask(mask);
  const auto mode = [&](const std::string& name) {
    return static_cast<unsigned>(fs::status(path(name)).permissions());
  };
  EXPECT_EQ(mode("a"), 0666U & ~mask);
  fs::permissions(path("a"), fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read);
  const std::ifstream before(path("a"));
  EXPECT_EQ(replace(path("a"), "newer"), 0);
  EXPECT_EQ(content("a"), "newer");
  EXPECT_EQ(mode("a"), 0640U);
  EXPECT_EQ((std::string{std::istreambuf_iterator<char>(before.rdbuf()), {}}), "new");
  EXPECT_EQ(std::distance(fs::directory_iterator(path("")), {}), 1);  // nothing else is left
}

TEST_F(Files, AreReplacedThroughLinksWhichStay) {
  fs::create_directory(path("far"));
  fs::create_symlink("far/a", path("one"));
  fs::create_symlink(path("one"), path("two"));
  EXPECT_EQ(replace(path("two"), "new"), 0);  // even if the target is missing
  EXPECT_EQ(replace(path("two"), "newer"), 0);
  EXPECT_EQ(content("far/a"), "newer");
  EXPECT_TRUE(fs::is_symlink(path("one")));
  EXPECT_TRUE(fs::is_symlink(path("two")));
  fs::create_symlink("turn", path("turn"));
  EXPECT_EQ(replace(path("turn"), "x"), ELOOP);
}

TEST_F(Files, ThatCannotBeReplacedStay) {
  make("a", "old");
  EXPECT_EQ(replace(path("no/folder"), "x"), ENOENT);
  EXPECT_EQ(replace(path("a/b"), "x"), ENOTDIR);
  EXPECT_EQ(replace(path(""), "x"), EISDIR);
  EXPECT_EQ(replace(path(std::string(255, 'n')), "x"), 0);  // the temporary file's name is cut off
  EXPECT_EQ(replace(path(std::string(256, 'n')), "x"), ENAMETOOLONG);
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(replace(path("pipe"), "x"), ENXIO);  // the pipe has no reader
  const int reader = ::open(path("pipe").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  EXPECT_EQ(replace(path("pipe"), "xy"), 0);
  std::array<char, 4> got{};
  EXPECT_EQ(::read(reader, got.data(), got.size()), 2);
  ::close(reader);
  EXPECT_EQ(replace("/dev/null", "x"), 0);
  if (::geteuid() != 0) {
    fs::permissions(path("a"), fs::perms(0400));
    EXPECT_EQ(replace(path("a"), "x"), EACCES);
  }
  EXPECT_EQ(content("a"), "old");
}

TEST_F(Files, HaveNamesForTheirPartsThatTheSystemAccepts) {
  EXPECT_EQ(platform::make_part_name("a.jpg", "12"), ".a.jpg.12.part");
  const auto longest = platform::make_part_name(std::string(255, 'n'), "12");
  EXPECT_EQ(longest.size(), 255U);
  std::string letters;
  for (int i = 0; i < 127; ++i) letters += "\u00e9";
  for (const auto* random : {"1", "12"}) {  // with one of them, the limit is within a character
    const auto name = platform::make_part_name(letters, random);
    EXPECT_EQ(name.find(random) % 2, 0U);
  }
}

TEST_F(Files, AreLockedByTheirOpening) {
  int error = 0;
  const auto file = File::create(path("a"), error);
  FileFacts facts;
  ASSERT_EQ(file.look(facts), 0);
  EXPECT_EQ(platform::try_lock(file.number(), platform::FileLock::Exclusive), platform::Locking::Done);
  {
    const auto again = File::open_to_read(path("a"), error);
  }  // closing another descriptor must not release the lock
  const auto other = File::open_or_create(path("a"), error);
  const auto reader = File::open_to_read(path("a"), error);
  EXPECT_EQ(platform::try_lock(other.number(), platform::FileLock::Exclusive), platform::Locking::Refused);
  EXPECT_EQ(platform::try_lock(reader.number(), platform::FileLock::Shared), platform::Locking::Refused);
  EXPECT_TRUE(platform::is_locked_by_writer(reader.number()));
  platform::unlock(file.number(), {});  // the id of another file: has no effect
  EXPECT_TRUE(platform::is_locked_by_writer(reader.number()));
  platform::unlock(file.number(), facts.id);
  EXPECT_FALSE(platform::is_locked_by_writer(reader.number()));
  EXPECT_EQ(platform::try_lock(reader.number(), platform::FileLock::Shared), platform::Locking::Done);
  EXPECT_EQ(platform::try_lock(other.number(), platform::FileLock::Exclusive), platform::Locking::Refused);
}

TEST_F(Files, ThatAreOpenedToReadAreRegularOnes) {
  int error = 0;
  make("a");
  fs::create_symlink(path("a"), path("link"));
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_TRUE(File::open_to_read(path("a"), error).is_open());
  EXPECT_EQ(error, 0);
  EXPECT_FALSE(File::open_to_read(path("link"), error).is_open());
  EXPECT_EQ(error, ELOOP);
  EXPECT_FALSE(File::open_to_read(path("pipe"), error).is_open());
  EXPECT_EQ(error, EINVAL);
  EXPECT_FALSE(File::open_to_read(path(""), error).is_open());
  EXPECT_EQ(error, EINVAL);
}

std::set<std::string> names_in(const Folder& folder) {
  std::set<std::string> names;
  folder.visit([&](const std::string& name) { EXPECT_TRUE(names.insert(name).second); });
  return names;
}

TEST_F(Files, AreSeenMeasuredAndRemovedInAFolder) {
  make("sub/a", "12345");
  make("sub/b");
  make("sub/deep/c");
  const auto folder = Folder::open(path("")).inside("sub");
  ASSERT_TRUE(folder.is_open());
  EXPECT_EQ(names_in(folder), (std::set<std::string>{"a", "b", "deep"}));
  EXPECT_EQ(names_in(folder).size(), 3U);  // each visit begins at the first name
  const auto file = folder.stat_owned("a");
  ASSERT_TRUE(file);
  EXPECT_GT(file->written, 1.6e9);
  EXPECT_FALSE(folder.stat_owned("deep"));
  EXPECT_FALSE(folder.stat_owned("none"));
  EXPECT_TRUE(folder.has("deep"));
  EXPECT_FALSE(folder.has("none"));
  EXPECT_EQ(folder.remove("a"), 0);
  EXPECT_EQ(folder.remove("a"), ENOENT);
  EXPECT_EQ(folder.remove_folder("deep"), ENOTEMPTY);
  EXPECT_EQ(folder.inside("deep").remove("c"), 0);
  EXPECT_EQ(folder.remove_folder("deep"), 0);
  EXPECT_EQ(names_in(folder), std::set<std::string>{"b"});
}

TEST_F(Files, AreNotReachedThroughLinksInAFolder) {
  make("elsewhere/a");
  make("sub/b");
  fs::create_directory_symlink(path("elsewhere"), path("sub/link"));
  fs::create_symlink(path("elsewhere/a"), path("sub/a"));
  const auto folder = Folder::open(path("sub"));
  EXPECT_FALSE(folder.inside("link").is_open());
  EXPECT_FALSE(folder.stat_owned("a"));
  EXPECT_TRUE(folder.has("a"));
  EXPECT_EQ(folder.remove("a"), 0);  // removes the symlink, not its target
  EXPECT_TRUE(fs::exists(path("elsewhere/a")));
  fs::create_directory_symlink(path("sub"), path("base"));
  EXPECT_TRUE(Folder::open(path("base")).is_open());  // open() follows symlinks
}

TEST_F(Files, StayInAFolderThatWasRenamed) {
  make("sub/a");
  const auto folder = Folder::open(path("sub"));
  fs::rename(path("sub"), path("other"));
  make("sub/a");
  EXPECT_EQ(folder.remove("a"), 0);
  EXPECT_FALSE(fs::exists(path("other/a")));
  EXPECT_TRUE(fs::exists(path("sub/a")));
}

TEST_F(Files, KeepTheirIdentityWhileTheyAreHeld) {
  make("a");
  const auto folder = Folder::open(path(""));
  int error = 0;
  {
    const auto held = folder.hold("a", error);
    EXPECT_TRUE(held.is_held());
    EXPECT_EQ(error, 0);
    const auto id = folder.stat_owned("a")->id;
    EXPECT_EQ(folder.remove("a"), 0);
    for (int i = 0; i < 20; ++i) {
      make("a");
      EXPECT_NE(folder.stat_owned("a")->id, id);
      EXPECT_EQ(folder.remove("a"), 0);
    }
  }
  EXPECT_FALSE(folder.hold("a", error).is_held());
  EXPECT_EQ(error, ENOENT);
}

TEST_F(Files, OfAFolderThatIsNotThereAreNone) {
  const auto folder = Folder::open(path("none"));
  EXPECT_FALSE(folder.is_open());
  EXPECT_TRUE(names_in(folder).empty());
  EXPECT_FALSE(folder.stat_owned("a"));
  EXPECT_FALSE(folder.has("a"));
  EXPECT_FALSE(folder.inside("a").is_open());
  EXPECT_EQ(folder.remove("a"), EBADF);
  EXPECT_EQ(platform::may_write_in(path("none")), ENOENT);
  EXPECT_EQ(platform::may_write_in(path("")), 0);
  EXPECT_FALSE(platform::free_bytes(path("none")));
  EXPECT_TRUE(platform::free_bytes(path("")));
}

}  // namespace
}  // namespace freshframe::test
