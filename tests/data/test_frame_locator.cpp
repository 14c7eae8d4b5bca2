#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "caffe_ext/data/frame_locator.hpp"
#include "tests/data/fixtures.hpp"

namespace two_stream {
namespace {

using testing::TempFolder;
using testing::UserErrorOf;

// A store that knows names only.
class NamesOnly : public FrameStore {
 public:
  explicit NamesOnly(std::set<std::string> names, bool paths = true)
      : names_(std::move(names)), paths_(paths) {}
  bool Exists(const std::string& key) const override {
    return names_.count(key) > 0;
  }
  std::vector<uint8_t> Read(const std::string&) const override { return {}; }
  bool keys_are_paths() const override { return paths_; }

 private:
  std::set<std::string> names_;
  bool paths_;
};

LocateOptions Options(bool flow, const std::string& list,
                      const std::string& root = "",
                      const std::string& pattern = "") {
  return {flow, list, root, pattern};
}

TEST(FrameLocator, BesideTheListBeforeTheWorkingDirectory) {
  const std::vector<VideoEntry> videos = {{"v", 10, 0, 1}};
  const NamesOnly both({"lists/v/image_0001.jpg", "v/image_0001.jpg"});
  EXPECT_EQ(LocateFrames(both, videos, Options(false, "lists/a.txt"))
                .Key(videos[0], 4),
            "lists/v/image_0005.jpg");
  const NamesOnly here({"v/image_0001.jpg"});
  EXPECT_EQ(LocateFrames(here, videos, Options(false, "lists/a.txt"))
                .Key(videos[0], 4),
            "v/image_0005.jpg");
  EXPECT_EQ(LocateFrames(here, videos, Options(false, "a.txt")).base(), "");
  const NamesOnly top({"/v/image_0001.jpg"});
  EXPECT_EQ(
      LocateFrames(top, videos, Options(false, "/a.txt")).Key(videos[0], 0),
      "/v/image_0001.jpg");
}

TEST(FrameLocator, RootFolderIsTheOnlyPlaceWhenGiven) {
  const std::vector<VideoEntry> videos = {{"v/", 10, 0, 1}};
  const NamesOnly store({"lists/v/image_0001.jpg", "r/v/image_0001.jpg"});
  for (const char* root : {"r", "r/"}) {
    EXPECT_EQ(LocateFrames(store, videos, Options(false, "lists/a.txt", root))
                  .Key(videos[0], 0),
              "r/v/image_0001.jpg");
  }
  EXPECT_NE(UserErrorOf([&] {
              LocateFrames(store, videos, Options(false, "lists/a.txt", "s"));
            }).find("lists/a.txt:1: no frame of v/ under s"),
            std::string::npos);
}

TEST(FrameLocator, AbsolutePathsStay) {
  const std::vector<VideoEntry> videos = {{"/data/v", 10, 0, 1}};
  const NamesOnly store({"/data/v/image_0001.jpg"});
  EXPECT_EQ(LocateFrames(store, videos, Options(false, "lists/a.txt", "r"))
                .Key(videos[0], 1),
            "/data/v/image_0002.jpg");
}

TEST(FrameLocator, DatabasesAreKeyedByTheListsPaths) {
  const std::vector<VideoEntry> videos = {{"v", 10, 0, 1}};
  const NamesOnly store({"v/image_0001.jpg"}, false);
  EXPECT_EQ(LocateFrames(store, videos, Options(false, "lists/a.txt"))
                .Key(videos[0], 0),
            "v/image_0001.jpg");
}

TEST(FrameLocator, FindsTheUsualPatterns) {
  const std::vector<VideoEntry> videos = {{"v", 10, 0, 1}};
  for (const char* name :
       {"image_0001.jpg", "img_00001.jpg", "image_00001.jpg", "frame000001.jpg",
        "frame_1.png", "000001.jpg", "00001.jpg", "1.jpeg"}) {
    const NamesOnly store({std::string("v/") + name});
    const auto locator = LocateFrames(store, videos, Options(false, "a.txt"));
    EXPECT_EQ(locator.Key(videos[0], 0), std::string("v/") + name);
  }
  for (const char* name : {"flow_x_0001.jpg", "flow_x_00001.jpg", "x_0001.jpg",
                           "flow_x_1.png", "x_00001.png"}) {
    const NamesOnly store({std::string("v/") + name});
    const auto locator = LocateFrames(store, videos, Options(true, "a.txt"));
    EXPECT_EQ(locator.Key(videos[0], 0, 'x'), std::string("v/") + name);
    std::string y = name;
    y[y.find("x_")] = 'y';
    EXPECT_EQ(locator.Key(videos[0], 0, 'y'), "v/" + y);
  }
}

TEST(FrameLocator, GivenPatternIsTakenAndChecked) {
  const std::vector<VideoEntry> videos = {{"v", 10, 0, 1}};
  const NamesOnly store({"v/image_0001.jpg", "v/z1", "v/x1"});
  EXPECT_EQ(LocateFrames(store, videos, Options(false, "a", "", "z%d"))
                .Key(videos[0], 11),
            "v/z12");
  EXPECT_EQ(LocateFrames(store, videos, Options(true, "a", "", "%c%d"))
                .Key(videos[0], 11, 'y'),
            "v/y12");
  EXPECT_NE(UserErrorOf([&] {
              LocateFrames(store, videos, Options(true, "a", "", "z%d"));
            }).find("FLOW needs %c"),
            std::string::npos);
  EXPECT_NE(UserErrorOf([&] {
              LocateFrames(store, videos, Options(false, "a", "", "%c%d"));
            }).find("RGB has no components"),
            std::string::npos);
}

TEST(FrameLocator, AMissingFirstVideoIsNotTheEnd) {
  const std::vector<VideoEntry> videos = {{"gone", 10, 0, 1}, {"v", 10, 0, 2}};
  const NamesOnly store({"v/img_00001.jpg"});
  EXPECT_EQ(LocateFrames(store, videos, Options(false, "a")).pattern().text(),
            "img_%05d.jpg");
}

std::set<std::string> Fields(const std::string& video, int count) {
  std::set<std::string> names;
  const NamePattern pattern("flow_%c_%04d.jpg");
  for (int i = 1; i <= count; ++i) {
    names.insert(video + "/" + pattern.Format(i, 'x'));
    names.insert(video + "/" + pattern.Format(i, 'y'));
  }
  return names;
}

TEST(FrameLocator, AFlowListThatCountsFramesIsAnError) {
  std::set<std::string> names = Fields("a", 9), more = Fields("b", 19);
  names.insert(more.begin(), more.end());
  const NamesOnly store(names);
  const std::vector<VideoEntry> frames = {{"a", 10, 0, 1}, {"b", 20, 0, 2}};
  const std::string error =
      UserErrorOf([&] { LocateFrames(store, frames, Options(true, "list")); });
  EXPECT_NE(error.find("list:1: a has 9 flow fields, the list says 10"),
            std::string::npos)
      << error;
  // One video without its last field is that video's trouble.
  const std::vector<VideoEntry> one = {{"a", 10, 0, 1}, {"b", 19, 0, 2}};
  EXPECT_EQ(LocateFrames(store, one, Options(true, "list")).base(), "");
}

}  // namespace
}  // namespace two_stream
