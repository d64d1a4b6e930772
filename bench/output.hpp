// What the programs have to say: lines and files.
#pragma once

#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#include <pare/tensor/error.hpp>

namespace bench {

// At once, so that whoever waits sees how far a program is.
inline void say(const std::string& line) { std::cout << line << std::endl; }

// Writes a file and says so. Throws pare::io_error.
inline void write_file(const std::filesystem::path& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary);
  out << text;
  out.close();
  pare::detail::require<pare::io_error>(bool(out), file.string(), ": cannot be written");
  say("  " + file.string());
}

// What main returns: what run() does, or 1 where it throws, which the standard error tells.
template <class Run>
int exit_code(const std::string& program, Run&& run) {
  try {
    return run();
  } catch (const std::exception& problem) {
    std::cerr << program << ": " << problem.what() << '\n';
    return 1;
  }
}

}  // namespace bench
