// Passwords, tokens and keys are masked in every URL, including URLs that violate the RFCs.
// SPDX-License-Identifier: Apache-2.0
#include "core/url/masked_url.hpp"

#include <algorithm>
#include <ctime>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "cpp/core/url/odd_passwords.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {

using namespace freshframe::core;  // NOLINT(google-build-using-namespace)

namespace {

// Returns the thread's CPU time, the best of several tries.
double seconds_to_mask(const std::string& text) {
  double best = std::numeric_limits<double>::max();
  for (int i = 0; i < 5; ++i) {
    timespec begin{};
    timespec end{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    static_cast<void>(mask_passwords(text));
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    best = std::min(best, static_cast<double>(end.tv_sec - begin.tv_sec) +
                              static_cast<double>(end.tv_nsec - begin.tv_nsec) / 1e9);
  }
  return best;
}

std::string repeated(std::string_view part, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += part;
  return text;
}

// For eight times the text a quadratic function takes 64 times as long and a linear one 8 times, or twice
// that if only the shorter text fits into a cache.
TEST(MaskedUrl, MasksLongTextsInLinearTime) {
  for (const auto* part :
       {"http://", "http://host:1/?a=b&", "http://h/?a=b ", "http://h/?key=b ", "&key=b", "http://a:b ",
        "x=", "rtsp://10.0.0.7:554/main ", "a%3A%2F%2Fb", "%3A%2F%2F&", "http://a%40/", "%252525"}) {
    const std::string begin = "http://u@";
    double ratio = 64;
    for (int i = 0; i < 10 && ratio >= 24; ++i) {  // other programs compete for the cores and their caches
      const auto once = seconds_to_mask(begin + repeated(part, 10'000));
      ratio = std::min(ratio, seconds_to_mask(begin + repeated(part, 80'000)) / once);
    }
    EXPECT_LT(ratio, 24) << part;
  }
}

TEST(MaskedUrl, MasksThePasswordOfEveryUrlInAText) {
  EXPECT_EQ(mask_passwords("rtsp://user:secret@host/a"), "rtsp://user:***@host/a");
  EXPECT_EQ(mask_passwords("rtsp://user:se@c:ret@host:554/a"), "rtsp://user:***@host:554/a");
  EXPECT_EQ(mask_passwords("rtsp://:secret@host"), "rtsp://:***@host");
  EXPECT_EQ(mask_passwords("x http://a:b@c/ y 'rtsp://d:e@f' z"), "x http://a:***@c/ y 'rtsp://d:***@f' z");
}

TEST(MaskedUrl, MasksAPasswordThatHoldsWhatItMayNot) {
  EXPECT_EQ(mask_passwords("rtsp://user:se/cret@host/a"), "rtsp://user:***@host/a");
  EXPECT_EQ(mask_passwords("rtsp://user:se?cr#et@host/a"), "rtsp://user:***@host/a");
  EXPECT_EQ(mask_passwords("rtsp://user:se@c/re@t@host/a"), "rtsp://user:***@host/a");
  EXPECT_EQ(mask_passwords("rtsp://u:p@a/b@host"), "rtsp://u:***@host");
  EXPECT_EQ(mask_passwords("x 'rtsp://u:p@a?b@host:554/c' y"), "x 'rtsp://u:***@host:554/c' y");
  EXPECT_EQ(mask_passwords("rtsp://u:p@[::1]:554/a"), "rtsp://u:***@[::1]:554/a");
  EXPECT_EQ(mask_passwords("rtsp://user:it's<\"@host/a"), "rtsp://user:***@host/a");
  EXPECT_EQ(mask_passwords("lost 'rtsp://host:554': ask joe@host"), "lost 'rtsp://host:554': ask joe@host");
}

TEST(MaskedUrl, ShowsNoPartOfAnyPassword) {
  for (const std::string scheme : {"rtsp", "HTTP", "rtmp", "srt"}) {
    for (const auto& password : kOddPasswords) {
      const auto url = scheme + "://user:" + password + "@host:554/a";
      const std::string path = scheme == "rtmp" ? "/***" : "/a";  // the stream's key
      EXPECT_EQ(shown_url(url), scheme + "://user:***@host:554" + path) << url;
      const bool ends = password.starts_with(' ') || password.find("://") != std::string::npos ||
                        password.find_first_of("\n\t") != std::string::npos;
      if (ends) continue;  // text after a URL cannot be told from the URL
      const auto text = mask_passwords("lost '" + url + "': it is away");
      EXPECT_EQ(text, "lost '" + scheme + "://user:***@host:554" + path + "': it is away") << url;
    }
  }
  EXPECT_EQ(shown_url(std::string("rtsp://user:sec\0ret@host/a", 26)), "rtsp://user:***@host/a");
}

TEST(MaskedUrl, MasksTheKeyOfAStreamOfRtmp) {
  EXPECT_EQ(shown_url("rtmp://host/key"), "rtmp://host/***");
  EXPECT_EQ(shown_url("rtmp://host:1935/app/key"), "rtmp://host:1935/app/***");
  EXPECT_EQ(shown_url("RTMPS://host/app/more/key//"), "RTMPS://host/app/more/***//");
  EXPECT_EQ(shown_url("rtmpt://host/app/key?a=1"), "rtmpt://host/app/***?a=1");
  EXPECT_EQ(shown_url("rtmp://host/app?vhost=a/key"), "rtmp://host/***?***");
  EXPECT_EQ(shown_url("rtmp://host/app/name?x=1&y=/key"), "rtmp://host/app/***?***");
  EXPECT_EQ(shown_url("rtmp://host/app/name#/key"), "rtmp://host/app/***#***");
  EXPECT_EQ(shown_url("rtmp://host?a=/key"), "rtmp://host?***");
  EXPECT_EQ(shown_url("rtmp://host/app?key"), "rtmp://host/***?***");
  EXPECT_EQ(shown_url("rtmp://host/app/name?vhost=a&key"), "rtmp://host/app/***?vhost=a&***");
  EXPECT_EQ(shown_url("rtmp://host/app/name?vhost=a#key"), "rtmp://host/app/***?vhost=a#***");
  EXPECT_EQ(shown_url("http://host/a?snapshot"), "http://host/a?snapshot");
  EXPECT_EQ(shown_url("http://host/a?640x480&Zq7wXk9v-abcdZq7w"), "http://host/a?640x480&***");
  EXPECT_EQ(shown_url("srt://host:9?Zq7wXk9vabcdZq7w"), "srt://host:9?***");
  EXPECT_EQ(shown_url("rtmp://host/app?c2VjcmV0a2V5MTIz=="), "rtmp://host/***?***") << "base64";
  EXPECT_EQ(shown_url("http://host/a?Ab3+Zq7wXk9v/bcd1234"), "http://host/a?***");
  EXPECT_EQ(shown_url("http://host/a?Ab3Zq7wXk9vabcd1234%3D%3D"), "http://host/a?***");
  EXPECT_EQ(shown_url("http://host/a.m3u8?eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"),
            "http://host/a.m3u8?***");
  EXPECT_EQ(shown_url("http://host/a?door-2026-11-30.jpg"), "http://host/a?door-2026-11-30.jpg");
  EXPECT_EQ(mask_passwords("at rtmp://host/app?key, then"), "at rtmp://host/***?***, then");
  EXPECT_EQ(find_secrets("rtmp://host/app?live_123_abc"), std::vector<std::string>{"live_123_abc"});
  EXPECT_EQ(shown_url("rtmp://u:p@host/app/key"), "rtmp://u:***@host/app/***");
  EXPECT_EQ(shown_url("rtmp://host/app/***"), "rtmp://host/app/***");
  EXPECT_EQ(shown_url("rtmp://host"), "rtmp://host");
  EXPECT_EQ(shown_url("rtmp://host/"), "rtmp://host/");
  EXPECT_EQ(shown_url("http://host/app/key"), "http://host/app/key");
  EXPECT_EQ(mask_passwords("lost 'rtmp://h/app/key': timeout, see http://h/a/b."),
            "lost 'rtmp://h/app/***': timeout, see http://h/a/b.");
  EXPECT_EQ(mask_passwords("to rtmp://h/a/k and rtmps://h/l."), "to rtmp://h/a/*** and rtmps://h/***.");
  EXPECT_EQ(find_stream_key("rtmp://host/app/key?a=1"), "key");
  EXPECT_EQ(find_stream_key("rtmp://host/key"), "key");
  EXPECT_EQ(find_stream_key("srt://host/key"), "");
  EXPECT_TRUE(find_secrets("rtmp://host/live/door").empty()) << "a word of any text";
  EXPECT_EQ(find_secrets("rtmp://host/live/live_123_abc"), std::vector<std::string>{"live_123_abc"});
}

TEST(MaskedUrl, ShowsNoPasswordOfAUrlWithoutAHost) {
  EXPECT_EQ(shown_url("rtsp://user:secret"), "rtsp://user:***");
  EXPECT_EQ(shown_url("rtsp://user:sec ret/x"), "rtsp://user:***");
  EXPECT_EQ(shown_url("rtsp:/user:sec ret@host/x"), "rtsp:/user:***@host/x");
  EXPECT_EQ(shown_url("RTSP//user:sec/ret@host/x"), "RTSP//user:***@host/x");
  EXPECT_EQ(shown_url("user:sec/ret@host/x"), "user:***@host/x");
  EXPECT_EQ(shown_url("user:sec://ret@host/x"), "user:***@host/x");
  EXPECT_EQ(shown_url("user://secret@host/x"), "user://***@host/x");
  EXPECT_EQ(mask_passwords("(user://secret@host/x)"), "(user://***@host/x)");
  EXPECT_EQ(shown_url("srt://user@host/x"), "srt://user@host/x");
  EXPECT_EQ(shown_url("rtsp;//user:sec/ret@host/x"), "rtsp;//user:***@host/x");
  EXPECT_EQ(shown_url("//user:sec/ret@host/x"), "//user:***@host/x");
  EXPECT_EQ(shown_url("clips//12:30@door.mp4"), "clips//12:30@door.mp4");
  EXPECT_EQ(shown_url("/clips//12:30@door.mp4"), "/clips//12:30@door.mp4");
  EXPECT_EQ(shown_url("file:a@b:c@d.mp4"), "file:a@b:c@d.mp4");
  EXPECT_EQ(shown_url("clips/12:30@door.mp4"), "clips/12:30@door.mp4");
  EXPECT_EQ(shown_url("rtsp://user:888888"), "rtsp://user:***");
  EXPECT_EQ(mask_passwords("lost 'rtsp://user:secret': away"), "lost 'rtsp://user:*** away");
  EXPECT_EQ(mask_passwords("lost rtsp://user:secret"), "lost rtsp://user:***");
  for (const std::string text :
       {"cannot reach rtsp://host: refused", "('http://host:80')", "rtsp://host:554.",
        "{\"rtsp://host\":{\"a\":1}}", "<http://host:8080>", "http://[::1]:80/"})
    EXPECT_EQ(mask_passwords(text), text);
}

TEST(MaskedUrl, MasksParametersThatAreSecrets) {
  EXPECT_EQ(mask_passwords("http://h/a?user=joe&PWD=x&n=1"), "http://h/a?user=joe&PWD=***&n=1");
  EXPECT_EQ(mask_passwords("x 'http://h/a?access_token=x' y"), "x 'http://h/a?access_token=***' y");
  EXPECT_EQ(mask_passwords("rtsp://a:b@h/?password=x&auth=y#z"), "rtsp://a:***@h/?password=***&auth=***");
  EXPECT_EQ(mask_passwords("http://h/v.cgi?loginuse=a&loginpas=x"), "http://h/v.cgi?loginuse=a&loginpas=***");
  EXPECT_EQ(mask_passwords("http://h/?token=it's"), "http://h/?token=***");
  EXPECT_EQ(mask_passwords("http://h/?psw=a&hmac=b&psk=c"), "http://h/?psw=***&hmac=***&psk=***");
  EXPECT_EQ(mask_passwords("http://h/?hdnts=exp=1~acl=/*~hmac=b"), "http://h/?hdnts=***");
  EXPECT_EQ(mask_passwords("HTTP error 401 no /a?token=x&n=1&pwd=y"),
            "HTTP error 401 no /a?token=***&n=1&pwd=***");
  EXPECT_EQ(mask_passwords("'s2.ts?hdnts=x' token=y, which? the key=z"),
            "'s2.ts?hdnts=***' token=y, which? the key=z");
  EXPECT_EQ(mask_passwords("=x?"), "=x?");
  EXPECT_EQ(shown_url("http://h/?n=1&pwd=a b'&m=2"), "http://h/?n=1&pwd=***&m=2");
}

TEST(MaskedUrl, MasksATokenThatStandsForAUser) {
  EXPECT_EQ(mask_passwords("https://TOKEN@host/a"), "https://***@host/a");
  EXPECT_EQ(mask_passwords("x 'HTTP://TOKEN@host:8080/mail' y"), "x 'HTTP://***@host:8080/mail' y");
  EXPECT_EQ(mask_passwords("x 'HTTP://TOKEN@host:8080/mail@home' y"), "x 'HTTP://***@home' y");
  EXPECT_EQ(mask_passwords("http://joe@mail.org:secret@host/a"), "http://***@host/a");
  EXPECT_EQ(mask_passwords("https://user:secret@host/a"), "https://user:***@host/a");
}

TEST(MaskedUrl, MasksSessionsAndTheShortNamesOfPasswords) {
  EXPECT_EQ(mask_passwords("http://h/?u=a&p=x"), "http://h/?u=a&p=***");
  EXPECT_EQ(mask_passwords("http://h/?sid=x&sessionid=y&jwt=z"), "http://h/?sid=***&sessionid=***&jwt=***");
  EXPECT_EQ(mask_passwords("http://h/?k=x&tk=x&code=x&otp=x"), "http://h/?k=***&tk=***&code=***&otp=***");
  EXPECT_EQ(mask_passwords("http://h/?st=x&e=1&PHPSESSID=x"), "http://h/?st=***&e=1&PHPSESSID=***");
  EXPECT_EQ(mask_passwords("http://h/?page=2&side=left"), "http://h/?page=2&side=left");
}

TEST(MaskedUrl, MasksSecretsInThePathOfCamerasThatHaveThemThere) {
  EXPECT_EQ(mask_passwords("rtsp://h/user=a&password=x&channel=1"), "rtsp://h/user=a&password=***&channel=1");
  EXPECT_EQ(mask_passwords("rtsp://h/user=a_password=x_channel=1.sdp?real"), "rtsp://h/user=a_password=***");
  EXPECT_EQ(mask_passwords("rtsp://h/user=a;pw=x,1: refused"), "rtsp://h/user=a;pw=***: refused");
}

TEST(MaskedUrl, MasksAUserWithAnEmptyPassword) {
  EXPECT_EQ(shown_url("rtsp://TOKEN:@host/a"), "rtsp://***@host/a");
  EXPECT_EQ(shown_url("rtsp:/TOKEN:@host/a"), "rtsp:/***@host/a");
  EXPECT_EQ(mask_passwords("x 'http://TOKEN:@host:80/a' y"), "x 'http://***@host:80/a' y");
  EXPECT_EQ(find_secrets("rtsp://TOKEN:@host/a"), (std::vector<std::string>{"TOKEN", "TOKEN:"}));
  EXPECT_EQ(find_secrets("rtsp://TOKEN@host/a"), std::vector<std::string>{"TOKEN"});
  EXPECT_EQ(find_secrets("rtsp://user:SECRET@host/a"), std::vector<std::string>{"SECRET"});
}

TEST(MaskedUrl, MasksTheSecretsOfEscapedUrls) {
  EXPECT_EQ(shown_url("http://h/?next=http%3A%2F%2Fu%3ASECRET%40g%2Fa&n=1"),
            "http://h/?next=http%3A%2F%2Fu%3A***%40g%2Fa&n=1");
  EXPECT_EQ(mask_passwords("x 'http://h/?next=rtsp%3a%2f%2fu%3ASECRET@g' y"),
            "x 'http://h/?next=rtsp%3A%2F%2Fu%3A***%40g' y");
  EXPECT_EQ(shown_url("http://h/proxy/http%3A%2F%2Fg%2F%3Ftoken%3DSECRET/a"),
            "http://h/proxy/http%3A%2F%2Fg%2F%3Ftoken%3D***");
  for (const std::string url :
       {"http://h/?next=http%253A%252F%252Fu%253ASECRET%2540g", "http://h/?next=http:%2F/u:SECRET@g",
        "http%3A%2F%2Fu%3ASECRET%40g", "rtsp://u%3ASECRET%40g/a", "http://h/?%70wd=SECRET",
        "//g%3A%2F%2Fu%3ASECRET%40g", "http://h/?next=http%25253A%25252F%25252Fu%25253ASECRET%252540g",
        "http://h/?next=http%2525253A%2525252F%2525252Fu%2525253ASECRET%25252540g",
        "http://h/?next=http%252525253A%252525252F%252525252Fu%252525253ASECRET%2525252540g"}) {
    EXPECT_FALSE(contains(shown_url(url), "SECRET")) << url;
    EXPECT_FALSE(contains(mask_passwords("lost '" + url + "'"), "SECRET")) << url;
  }
  for (const std::string url :
       {"http://h/?next=http%3A%2F%2Fg%2Fa%20b&n=1", "http://h/?mail=joe%40g", "100%", "http://h/a%3A%2F%2F",
        "%3A%2F%2F", "http://h/?t=10%3A30%2F%2F", "http://h/%40joe"})
    EXPECT_EQ(mask_passwords(url), url);
}

TEST(MaskedUrl, LeavesTheTextOfAProgram) {
  for (const std::string line : {"get(f\"http://{self.host}:{self.port}/api/{name}\", timeout=5)",
                                 "get(\"http://%s:%d/api\" % (host, port), timeout=5)"})
    EXPECT_EQ(mask_passwords(line), line);
}

TEST(MaskedUrl, LeavesWhatIsNoPassword) {
  for (const std::string url :
       {"rtsp://host/a", "rtsp://user@host/a", "https://host/@joe/live", "http://host:8080/mail",
        "rtsp://[::1]:554/mail@home", "rtsp://joe@[::1]/mail@home", "clip.mp4", "", "demo:circles?fps=60",
        "://", "a://b", "http://host/?a=b&c"}) {
    EXPECT_EQ(mask_passwords(url), url);
  }
}

}  // namespace

}  // namespace freshframe::test
