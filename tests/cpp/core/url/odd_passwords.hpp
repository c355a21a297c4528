// Passwords that are not allowed unescaped in URLs, but that people type.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace freshframe::test {

inline const std::vector<std::string> kOddPasswords{
    "secret",   "s3cr3t/x",   "s3cr3t?x",  "s3cr3t#x",  "s3cr3t@x",   "sec:ret",    "12345/67", "888888#",
    "1234?x",   "12345@67",   "1234:x",    "80/secret", "secret%",    "%zz secret", "p w",      "sec ret@x",
    " secret",  "secret ",    "[secret",   "[::1]",     "sécret",     "sec\\ret",   "\"secret", "it's",
    "<secret>", "sec&ret=x",  "a=b",       "{secret}",  "$ecret!",    "secret~",    "sec;ret",  "sec,ret",
    "secret'",  "secret://x", "://secret", "secret//",  "/secret",    "?secret",    "#secret",  "@secret",
    "secret@",  "secret/",    "secret?",   "secret#",   "pass/@word", "@@",         "://@:/@",  "a@b:c/d@e",
    "sec|ret",  "sec*ret^x",  "0",         "65536/x",   "sec\tret",   "sec\nret",   "***"};

}  // namespace freshframe::test
