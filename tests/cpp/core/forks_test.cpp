// State across a fork: in the child all mutexes are free, objects of its own exist, and inherited frames are
// usable.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/forks.hpp"

#include "freshframe/frame.hpp"
#include "freshframe/log.hpp"

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "core/fork_hold.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace freshframe::test {
namespace {

/// Returns true if a forked child completes `work` without hanging.
bool child_does(const std::function<bool()>& work) {
  const int child = ::fork();
  if (child == 0) {
    std::signal(SIGALRM, SIG_DFL);
    ::alarm(10 * Watchdog::patience());
    ::_exit(work() ? 0 : 1);
  }
  int status = 0;
  return ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/// Forks repeatedly while other threads run `work`. Returns how many children failed.
int failures_beside(const std::function<void()>& work) {
  constexpr int kForks = 100;
  std::atomic<bool> over{false};
  std::vector<std::jthread> busy;
  for (int i = 0; i < 3; ++i) {
    busy.emplace_back([&] {
      while (!over) work();
    });
  }
  int failures = 0;
  for (int i = 0; i < kForks && failures == 0; ++i) {
    failures += child_does([&] {
      work();
      return true;
    })
                    ? 0
                    : 1;
  }
  over = true;
  return failures;
}

struct Numbered {
  Numbered() : number(++made) {}
  static inline std::atomic<int> made{0};
  const int number;
};

TEST(Forks, AChildThatIsForkedBeforeTheFirstUseHasItsOwn) {
  ASSERT_EQ(Numbered::made, 1) << "made when the program is loaded";
  EXPECT_TRUE(child_does([] { return forks::PerProcess<Numbered>::get().number == 2; }))
      << "the handler of forks was registered before any use";
  EXPECT_EQ(forks::PerProcess<Numbered>::get().number, 1);
}

struct Alone {
  Alone() { ++made; }
  static inline std::atomic<int> made{0};
};

TEST(Forks, AProcessWideObjectIsMadeWhenTheProgramIsLoaded) {
  EXPECT_EQ(Alone::made, 1);
  EXPECT_EQ(&forks::ProcessWide<Alone>::get(), &forks::ProcessWide<Alone>::get());
}

template <class M, class Part>
void expect_a_fork_waits_for(M& mutex, Part&& /*hold*/) {
  std::atomic<bool> locked{false};
  std::atomic<bool> forking{false};
  std::atomic<bool> over{false};
  const std::jthread holder([&] {
    {
      const std::lock_guard lock(mutex);
      locked = true;
      while (!forking) std::this_thread::yield();
      // A fork that did not wait would have returned by now.
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    while (!over)
      // TSan would report a thread that ends during the fork as leaked in the child.
      std::this_thread::yield();
  });
  while (!locked) std::this_thread::yield();
  forking = true;
  EXPECT_TRUE(child_does([&] { return mutex.try_lock(); }));
  over = true;
  const bool unlocked = mutex.try_lock();
  if (unlocked) mutex.unlock();
  EXPECT_TRUE(unlocked) << "the parent has unlocked it, too";
}

TEST(ForkHold, AForkWaitsForAMutexThatAnotherThreadHolds) {
  std::mutex plain;
  expect_a_fork_waits_for(plain, forks::Hold<std::mutex>(plain));
  Mutex ranked;
  expect_a_fork_waits_for(ranked, core::ForkHold(ranked));
}

TEST(ForkHold, AMutexOfAnObjectThatIsGoneIsForgotten) {
  {
    std::mutex mutex;
    const forks::Hold<std::mutex> hold(mutex);
  }
  EXPECT_TRUE(child_does([] { return true; }));
}

TEST(ForkHold, TheSharedFramePoolIsUsableInAChildWhateverOtherThreadsDo) {
  EXPECT_EQ(
      failures_beside([] { (void)FrameBuilder({.width = 64, .height = 48, .format = PixelFormat::Gray}); }),
      0);
}

TEST(ForkHold, TheLogIsUsableInAChildWhateverOtherThreadsDo) {
  set_log_sink([](LogLevel, std::string_view) {});
  EXPECT_EQ(failures_beside([] { log(LogLevel::Debug, "line"); }), 0);
  set_log_sink({});
}

TEST(Birthplace, TellsAParentsObjectFromOnesOwn) {
  const forks::Birthplace here;
  EXPECT_FALSE(here.is_inherited());
  EXPECT_TRUE(child_does([&] { return here.is_inherited() && !forks::Birthplace().is_inherited(); }));
}

/// Blocks in a conversion until the test releases it, in the process that created it. In a child it converts
/// immediately.
class SlowOps final : public PixelOps {
 public:
  bool convert(const Picture& from, const MutablePicture& to) const override {
    begun = true;
    while (!is_open && !here_.is_inherited()) std::this_thread::yield();
    to.row(0)[0] = from.planes[0].data[0];
    return true;
  }
  mutable std::atomic<bool> begun{false};
  std::atomic<bool> is_open{false};

 private:
  forks::Birthplace here_;
};

TEST(InheritedFrame, AChildConvertsAFrameThatAnotherThreadWasConverting) {
  SlowOps ops;
  FrameBuilder builder({.width = 4, .height = 2, .format = PixelFormat::Bgr});
  builder.plane(0)[0] = 7;
  const Frame frame = std::move(builder).publish(ops);
  const std::jthread other([frame] { (void)frame.to(PixelFormat::Gray); });
  while (!ops.begun) std::this_thread::yield();
  EXPECT_TRUE(child_does([&] { return frame.to(PixelFormat::Gray).planes()[0].data[0] == 7; }));
  ops.is_open = true;
}

TEST(InheritedFrame, AChildDoesNotGiveBackThePictureOfItsParent) {
  bool released = false;
  std::uint8_t pixel = 1;
  Picture picture{{.width = 1, .height = 1, .format = PixelFormat::Gray}, {}};
  picture.planes[0] = {&pixel, 1, 1, 1};
  Frame frame = Frame::wrap(picture, 1, [&] { released = true; }, basic_pixel_ops());
  EXPECT_TRUE(child_does([&] {
    frame = {};
    return !released;
  }));
  frame = {};
  EXPECT_TRUE(released);
}

}  // namespace
}  // namespace freshframe::test
