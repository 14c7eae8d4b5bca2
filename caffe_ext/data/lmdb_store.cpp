#include <lmdb.h>
#include <sys/stat.h>

#include "caffe_ext/common/error.hpp"
#include "caffe_ext/data/frame_store.hpp"

namespace two_stream {
namespace {

// One read transaction. Each is its own snapshot, so that threads share
// nothing.
class ReadTransaction {
 public:
  explicit ReadTransaction(MDB_env* env)
      : status_(mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn_)) {}
  ~ReadTransaction() {
    if (txn_) mdb_txn_abort(txn_);
  }
  ReadTransaction(const ReadTransaction&) = delete;
  ReadTransaction& operator=(const ReadTransaction&) = delete;

  // An LMDB status. `value` lies in the map for as long as this lives.
  int Get(MDB_dbi dbi, const std::string& key, MDB_val* value) const {
    if (status_ != MDB_SUCCESS) return status_;
    MDB_val name = {key.size(), const_cast<char*>(key.data())};
    return mdb_get(txn_, dbi, &name, value);
  }

  MDB_txn* get() const { return txn_; }
  int status() const { return status_; }

 private:
  MDB_txn* txn_ = nullptr;
  int status_;
};

class LmdbStore : public FrameStore {
 public:
  explicit LmdbStore(const std::string& path) : path_(path) {
    struct stat info;
    if (stat(path.c_str(), &info) != 0) {
      throw UserError(path +
                      ": no such database; set store_path of video_data_param "
                      "to an LMDB of frames");
    }
    // Nobody writes while we read, and no lock lets one process open it twice.
    const unsigned flags = MDB_RDONLY | MDB_NOLOCK | MDB_NOTLS |
                           (S_ISDIR(info.st_mode) ? 0 : MDB_NOSUBDIR);
    Check(mdb_env_create(&env_));
    try {
      Check(mdb_env_open(env_, path.c_str(), flags, 0));
      const ReadTransaction txn(env_);
      Check(txn.status());
      Check(mdb_dbi_open(txn.get(), nullptr, 0, &dbi_));
    } catch (...) {
      mdb_env_close(env_);
      throw;
    }
  }

  ~LmdbStore() override { mdb_env_close(env_); }

  bool Exists(const std::string& key) const override {
    MDB_val value;
    return ReadTransaction(env_).Get(dbi_, key, &value) == MDB_SUCCESS;
  }

  std::vector<uint8_t> Read(const std::string& key) const override {
    const ReadTransaction txn(env_);
    MDB_val value;
    const int status = txn.Get(dbi_, key, &value);
    if (status == MDB_NOTFOUND)
      throw FrameError(key + ": not in the database " + path_);
    if (status != MDB_SUCCESS)
      throw FrameError(key + ": " + mdb_strerror(status));
    const uint8_t* bytes = static_cast<const uint8_t*>(value.mv_data);
    return {bytes, bytes + value.mv_size};
  }

  bool keys_are_paths() const override { return false; }

 private:
  void Check(int status) const {
    if (status != MDB_SUCCESS) {
      throw UserError(
          path_ + ": cannot open the LMDB database: " + mdb_strerror(status));
    }
  }

  std::string path_;
  MDB_env* env_ = nullptr;
  MDB_dbi dbi_ = 0;
};

}  // namespace

std::unique_ptr<FrameStore> MakeLmdbStore(const std::string& path) {
  return std::make_unique<LmdbStore>(path);
}

}  // namespace two_stream
