// A file that appears whole or not at all: written under another name in the same folder, then renamed.
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <cstdio>
#include <span>
#include <string>
#include <utility>

#include <pare/io/file_descriptor.hpp>

namespace pare::detail {

// Every function throws io_error. Unless commit has returned, the target is what it was before.
class atomic_file {
 public:
  explicit atomic_file(const std::string& target) : target_(target), file_(open_temporary()) {}
  atomic_file(const atomic_file&) = delete;
  atomic_file& operator=(const atomic_file&) = delete;
  ~atomic_file() {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
  }

  void write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ::ssize_t done = ::write(file_.number(), bytes.data(), bytes.size());
      if (done < 0 && errno == EINTR) continue;
      require_done(done >= 0, target_, "cannot be written");
      bytes = bytes.subspan(static_cast<std::size_t>(done));
    }
  }

  // The contents reach the disk before the name does: after a power cut there is the old file or the new one.
  void commit() {
    require_done(::fsync(file_.number()) == 0, target_, "cannot be written");
    require_done(file_.close(), target_, "cannot be written");
    require_done(std::rename(temporary_.c_str(), target_.c_str()) == 0, target_, "cannot be replaced");
    temporary_.clear();
    const file_descriptor parent(folder(), O_RDONLY | O_DIRECTORY);
    if (parent) ::fsync(parent.number());
  }

 private:
  // With the slash at its end.
  std::string folder() const {
    const std::size_t slash = target_.rfind('/');
    return slash == std::string::npos ? "./" : target_.substr(0, slash + 1);
  }

  file_descriptor open_temporary() {
    // Renaming would replace a device or a pipe by a file.
    struct stat status {};
    const bool there = ::stat(target_.c_str(), &status) == 0;
    require<io_error>(!there || S_ISREG(status.st_mode), target_, ": is there and is not a regular file");
    static std::atomic<unsigned> counter{0};
    for (;;) {
      std::string name = text(folder(), ".pare-", ::getpid(), '-', counter++, ".tmp");
      file_descriptor file(name, O_WRONLY | O_CREAT | O_EXCL);
      require_done(bool(file) || errno == EEXIST, target_, "cannot be created");
      if (!file) continue;
      temporary_ = std::move(name);
      return file;
    }
  }

  std::string target_;
  std::string temporary_;  // empty once it is no more
  file_descriptor file_;
};

}  // namespace pare::detail
