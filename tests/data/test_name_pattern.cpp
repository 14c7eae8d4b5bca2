#include <gtest/gtest.h>

#include <random>

#include "caffe_ext/data/name_pattern.hpp"
#include "tests/data/fixtures.hpp"

namespace two_stream {
namespace {

using testing::UserErrorOf;

TEST(NamePattern, AgreesWithPrintf) {
  for (const char* text :
       {"image_%04d.jpg", "img_%05d.jpg", "%d", "%09d.png", "a%%b%01d", "%%%d",
        "a/deep/folder/and/a/name/longer/than/thirty/bytes_%06d.jpg"}) {
    const NamePattern pattern(text);
    EXPECT_FALSE(pattern.has_component());
    for (int number : {0, 1, 9, 10, 9999, 10000, 123456789, 2147483647}) {
      char expected[200];
      snprintf(expected, sizeof(expected), text, number);
      EXPECT_EQ(pattern.Format(number), expected);
    }
  }
}

TEST(NamePattern, ComponentBeforeOrAfterTheNumber) {
  EXPECT_EQ(NamePattern("flow_%c_%04d.jpg").Format(7, 'y'), "flow_y_0007.jpg");
  EXPECT_EQ(NamePattern("%05d_%c").Format(7, 'x'), "00007_x");
  EXPECT_EQ(NamePattern("%c%d").Format(12, 'x'), "x12");
  EXPECT_EQ(NamePattern("%c/%%%06d").Format(12, 'y'), "y/%000012");
  EXPECT_TRUE(NamePattern("flow_%c_%04d.jpg").has_component());
}

TEST(NamePattern, RefusesEverythingElse) {
  for (const char* text :
       {"",     "image.jpg", "%",      "image_%", "%s",   "%n%d", "%04d%s",
        "%4d",  "%-4d",      "%+d",    "%ld",     "%i",   "%u",   "%x",
        "%*d",  "%1$d",      "%010d",  "%00d",    "%0d",  "%04",  "%04c%d",
        "%d%d", "%c",        "%c%c%d", "%c%d%c",  "%.3d", "% d"}) {
    const std::string error = UserErrorOf([text] { NamePattern{text}; });
    EXPECT_NE(error.find("name_pattern \"" + std::string(text) + "\""),
              std::string::npos)
        << text << ": " << error;
  }
  EXPECT_NE(UserErrorOf([] { NamePattern{std::string("%d\0.jpg", 7)}; }), "");
}

TEST(NamePatternFuzz, ParsesOrThrows) {
  std::mt19937 random(3);
  const std::string alphabet = "%%%0123456789dcsn*.-$ax_";
  int parsed = 0;
  for (int round = 0; round < 50000; ++round) {
    std::string text(random() % 12, ' ');
    for (char& c : text) c = alphabet[random() % alphabet.size()];
    const std::string error = UserErrorOf([&] {
      const NamePattern pattern(text);
      const std::string name = pattern.Format(1234567, 'y');
      parsed += 1;
      EXPECT_NE(name.find("1234567"), std::string::npos) << text;
    });
  }
  EXPECT_GT(parsed, 100);
}

}  // namespace
}  // namespace two_stream
