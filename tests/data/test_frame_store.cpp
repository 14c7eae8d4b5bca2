#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "caffe_ext/data/frame_store.hpp"
#include "tests/data/lmdb_fixture.hpp"

namespace two_stream {
namespace {

using testing::TempFolder;
using testing::UserErrorOf;
using testing::WriteFile;
using testing::WriteLmdb;

std::string FrameErrorOf(const FrameStore& store, const std::string& key) {
  try {
    store.Read(key);
  } catch (const FrameError& error) {
    return error.what();
  }
  return "";
}

std::string Text(const std::vector<uint8_t>& bytes) {
  return {bytes.begin(), bytes.end()};
}

TEST(FolderStore, ReadsFilesAndNothingElse) {
  const TempFolder folder;
  WriteFile(folder / "v/a.jpg", std::string("a\0b", 3));
  WriteFile(folder / "v/empty.jpg", "");
  const auto store = MakeFolderStore();
  EXPECT_TRUE(store->keys_are_paths());
  EXPECT_TRUE(store->Exists(folder / "v/a.jpg"));
  EXPECT_EQ(Text(store->Read(folder / "v/a.jpg")), std::string("a\0b", 3));
  EXPECT_TRUE(store->Read(folder / "v/empty.jpg").empty());
  EXPECT_FALSE(store->Exists(folder / "v"));
  EXPECT_FALSE(store->Exists(folder / "v/b.jpg"));
  EXPECT_EQ(FrameErrorOf(*store, folder / "v/b.jpg"),
            folder / "v/b.jpg: No such file or directory");
  EXPECT_EQ(FrameErrorOf(*store, folder / "v"), folder / "v: not a file");
}

TEST(LmdbStore, EqualsTheFolder) {
  const TempFolder folder;
  for (int i = 0; i < 20; ++i) {
    WriteFile(folder / ("frames/v" + std::to_string(i % 3) + "/" +
                        std::to_string(i) + ".jpg"),
              std::string(i * 997, static_cast<char>(i)));
  }
  WriteLmdb(folder / "db", folder / "frames");
  WriteLmdb(folder / "file.mdb", folder / "frames", MDB_NOSUBDIR);
  const auto files = MakeFolderStore();
  const auto in_folder = MakeLmdbStore(folder / "db");
  const auto in_file = MakeLmdbStore(folder / "file.mdb");
  EXPECT_FALSE(in_folder->keys_are_paths());
  for (int i = 0; i < 20; ++i) {
    const std::string key =
        "v" + std::to_string(i % 3) + "/" + std::to_string(i) + ".jpg";
    ASSERT_TRUE(in_folder->Exists(key));
    ASSERT_EQ(in_folder->Read(key), files->Read(folder / ("frames/" + key)));
    ASSERT_EQ(in_file->Read(key), in_folder->Read(key));
  }
  for (const std::string& key :
       {std::string("v0/1.jpg"), std::string(), std::string(5000, 'k')}) {
    EXPECT_FALSE(in_folder->Exists(key));
    EXPECT_NE(FrameErrorOf(*in_folder, key), "");
  }
}

TEST(LmdbStore, ManyThreadsAndTwoHandlesOnOneDatabase) {
  const TempFolder folder;
  WriteFile(folder / "frames/a", std::string(100000, 'a'));
  WriteLmdb(folder / "db", folder / "frames");
  const auto one = MakeLmdbStore(folder / "db");
  auto two = MakeLmdbStore(folder / "db");
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i)
        good += (t % 2 ? one : two)->Read("a").size() == 100000;
    });
  }
  for (auto& thread : threads) thread.join();
  two.reset();
  EXPECT_EQ(good, 1600);
  EXPECT_EQ(one->Read("a").size(), 100000u);
}

TEST(LmdbStore, MissingOrOtherFiles) {
  const TempFolder folder;
  EXPECT_NE(
      UserErrorOf([&] { MakeLmdbStore(folder / "none"); }).find("store_path"),
      std::string::npos);
  WriteFile(folder / "text", "this is not a database");
  EXPECT_NE(UserErrorOf([&] {
              MakeLmdbStore(folder / "text");
            }).find("cannot open the LMDB database"),
            std::string::npos);
  // An empty folder must not be made into a database.
  std::filesystem::create_directories(folder / "empty");
  EXPECT_NE(UserErrorOf([&] { MakeLmdbStore(folder / "empty"); }), "");
  EXPECT_TRUE(std::filesystem::is_empty(folder / "empty"));
}

}  // namespace
}  // namespace two_stream
