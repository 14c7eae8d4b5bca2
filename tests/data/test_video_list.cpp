#include <gtest/gtest.h>

#include <random>
#include <sstream>

#include "caffe_ext/data/video_list.hpp"
#include "tests/data/fixtures.hpp"

namespace two_stream {
namespace {

using testing::TempFolder;
using testing::UserErrorOf;

std::vector<VideoEntry> Parse(const std::string& text) {
  std::istringstream in(text);
  return ParseVideoList(in, "list.txt");
}

std::string ErrorOf(const std::string& text) {
  return UserErrorOf([&] { Parse(text); });
}

void ExpectError(const std::string& text, const std::string& begin,
                 const std::string& inside) {
  const std::string error = ErrorOf(text);
  EXPECT_EQ(error.substr(0, begin.size()), begin) << error;
  EXPECT_NE(error.find(inside), std::string::npos) << error;
  EXPECT_EQ(error.find('\n'), std::string::npos) << error;
}

TEST(VideoList, ThreeFieldsALine) {
  const auto videos = Parse("a/b 10 0\nc 200 100\n");
  ASSERT_EQ(videos.size(), 2u);
  EXPECT_EQ(videos[0].path, "a/b");
  EXPECT_EQ(videos[0].num_frames, 10);
  EXPECT_EQ(videos[0].label, 0);
  EXPECT_EQ(videos[0].line, 1);
  EXPECT_EQ(videos[1].path, "c");
  EXPECT_EQ(videos[1].num_frames, 200);
  EXPECT_EQ(videos[1].label, 100);
  EXPECT_EQ(videos[1].line, 2);
}

TEST(VideoList, PathsMayHaveSpacesAndNumbers) {
  const auto videos = Parse("my videos/clip 7  12 30 4\n");
  ASSERT_EQ(videos.size(), 1u);
  EXPECT_EQ(videos[0].path, "my videos/clip 7  12");
  EXPECT_EQ(videos[0].num_frames, 30);
  EXPECT_EQ(videos[0].label, 4);
}

TEST(VideoList, BlankLinesTabsCrlfAndByteOrderMark) {
  const auto videos = Parse("\xEF\xBB\xBF\r\n  \t\r\n  a\t10\t1  \r\n\nb 20 2");
  ASSERT_EQ(videos.size(), 2u);
  EXPECT_EQ(videos[0].path, "a");
  EXPECT_EQ(videos[0].line, 3);
  EXPECT_EQ(videos[1].path, "b");
  EXPECT_EQ(videos[1].label, 2);
  EXPECT_EQ(videos[1].line, 5);
}

TEST(VideoList, EmptyListIsAnError) {
  ExpectError("", "list.txt: ", "empty");
  ExpectError("\n \r\n\t\n", "list.txt: ", "empty");
}

TEST(VideoList, ErrorsNameFileAndLine) {
  ExpectError("a 1 0\nb 5\n", "list.txt:2: ", "too few fields");
  ExpectError("a 1 0\n\nb\n", "list.txt:3: ", "too few fields");
  ExpectError("a 1 0\n5 3\n", "list.txt:2: ", "too few fields");
  ExpectError("a ten 0\n", "list.txt:1: ", "num_frames \"ten\"");
  ExpectError("a 10 zero\n", "list.txt:1: ", "label \"zero\"");
  ExpectError("a 1.5 0\n", "list.txt:1: ", "num_frames \"1.5\"");
  ExpectError("a 10 0x3\n", "list.txt:1: ", "label \"0x3\"");
  ExpectError("a +1 0\n", "list.txt:1: ", "num_frames \"+1\"");
}

TEST(VideoList, NumbersOutOfRange) {
  ExpectError("a 0 1\n", "list.txt:1: ", "0 frames");
  ExpectError("a -3 1\n", "list.txt:1: ", "out of range");
  ExpectError("a 3 -1\n", "list.txt:1: ", "out of range");
  ExpectError("a 3 16777217\n", "list.txt:1: ", "out of range");
  ExpectError("a 2147483648 1\n", "list.txt:1: ", "out of range");
  ExpectError("a 99999999999999999999999 1\n", "list.txt:1: ", "out of range");
  EXPECT_EQ(Parse("a 3 16777216")[0].label, 16777216);
}

TEST(VideoList, BinaryFilesAreRefusedInPrintableText) {
  ExpectError(std::string("a\0b 3 1\n", 8), "list.txt:1: ", "zero byte");
  ExpectError("a\x1b[31m 3\n", "list.txt:1: ", "a?[31m");
  ExpectError(std::string(100000, 'x'), "list.txt:1: ", "xxx...\"");
}

TEST(VideoList, MissingFileSaysSo) {
  const TempFolder folder;
  EXPECT_NE(UserErrorOf([&] {
              ReadVideoList(folder / "no.txt");
            }).find("no.txt: cannot open"),
            std::string::npos);
  EXPECT_NE(UserErrorOf([] { ReadVideoList(""); }).find("no source"),
            std::string::npos);
  // A folder opens, but does not read.
  EXPECT_NE(UserErrorOf([&] { ReadVideoList(folder.path()); }), "");
}

// Whatever the bytes, a list parses into valid entries or throws UserError.
TEST(VideoListFuzz, RandomMutations) {
  std::mt19937 random(1);
  const std::string valid =
      "videos/Archery/v_Archery_g01_c01 120 2\r\n"
      "with space/v 2 33 7\n\n"
      "\xc3\xa9/utf8 16 101\n";
  const std::string alphabet = std::string("0123456789 -+.\t\r\n\0\xff%/a", 22);
  int parsed = 0, refused = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string text = valid;
    for (int edits = random() % 6; edits >= 0; --edits) {
      const size_t at = random() % (text.size() + 1);
      const char c = random() % 4 ? alphabet[random() % alphabet.size()]
                                  : static_cast<char>(random());
      switch (random() % 4) {
        case 0:
          text.insert(at, 1, c);
          break;
        case 1:
          text.erase(at, random() % 8);
          break;
        case 2:
          if (at < text.size()) text[at] = c;
          break;
        default:
          text.insert(at, text.substr(random() % (text.size() + 1), 9));
      }
    }
    std::istringstream in(text);
    try {
      const auto videos = ParseVideoList(in, "f");
      parsed += 1;
      ASSERT_FALSE(videos.empty());
      for (const VideoEntry& v : videos) {
        ASSERT_FALSE(v.path.empty());
        ASSERT_GT(v.num_frames, 0);
        ASSERT_GE(v.label, 0);
        ASSERT_EQ(v.path.find('\n'), std::string::npos);
      }
    } catch (const UserError& error) {
      refused += 1;
      ASSERT_EQ(std::string(error.what()).substr(0, 2), "f:");
    }
  }
  EXPECT_GT(parsed, 1000);
  EXPECT_GT(refused, 1000);
}

TEST(VideoListFuzz, RandomBytes) {
  std::mt19937 random(2);
  for (int round = 0; round < 5000; ++round) {
    std::string text(random() % 200, ' ');
    for (char& c : text) c = static_cast<char>(random());
    std::istringstream in(text);
    try {
      ParseVideoList(in, "f");
    } catch (const UserError&) {
    }
  }
}

}  // namespace
}  // namespace two_stream
