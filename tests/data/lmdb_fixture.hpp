#ifndef TWO_STREAM_TESTS_DATA_LMDB_FIXTURE_HPP_
#define TWO_STREAM_TESTS_DATA_LMDB_FIXTURE_HPP_

#include <lmdb.h>

#include <filesystem>
#include <stdexcept>
#include <string>

#include "tests/data/fixtures.hpp"

namespace two_stream {
namespace testing {

// Copies every file under `root` into an LMDB database, keyed by its path below
// `root`, as two-stream prepare does.
inline void WriteLmdb(const std::string& path, const std::string& root,
                      unsigned flags = 0) {
  const auto check = [](int status) {
    if (status != MDB_SUCCESS) throw std::runtime_error(mdb_strerror(status));
  };
  if (!(flags & MDB_NOSUBDIR)) std::filesystem::create_directories(path);
  MDB_env* env;
  MDB_txn* txn;
  MDB_dbi dbi;
  check(mdb_env_create(&env));
  check(mdb_env_set_mapsize(env, 64 << 20));
  check(mdb_env_open(env, path.c_str(), flags, 0644));
  check(mdb_txn_begin(env, nullptr, 0, &txn));
  check(mdb_dbi_open(txn, nullptr, 0, &dbi));
  for (const auto& file : std::filesystem::recursive_directory_iterator(root)) {
    if (!file.is_regular_file()) continue;
    std::string name = std::filesystem::relative(file.path(), root).string();
    std::string content = ReadFile(file.path().string());
    MDB_val key = {name.size(), name.data()};
    MDB_val value = {content.size(), content.data()};
    check(mdb_put(txn, dbi, &key, &value, 0));
  }
  check(mdb_txn_commit(txn));
  mdb_env_close(env);
}

}  // namespace testing
}  // namespace two_stream

#endif  // TWO_STREAM_TESTS_DATA_LMDB_FIXTURE_HPP_
