// What a benchmark ran on.
#pragma once

#include <fstream>
#include <string>
#include <thread>

#include <nlohmann/json.hpp>

#include <pare/kernels/isa.hpp>

namespace bench {

// The name of the CPU, where the operating system tells it.
inline std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name") && line.find(": ") != std::string::npos) return line.substr(line.find(": ") + 2);
  return "unknown";
}

inline std::string compiler_name() {
#if defined(__clang__)
  return "clang " __clang_version__;
#elif defined(__GNUC__)
  return "g++ " __VERSION__;
#else
  return "unknown";
#endif
}

inline nlohmann::ordered_json describe_machine() {
  return {{"cpu", cpu_name()},
          {"hardware_threads", std::thread::hardware_concurrency()},
          {"compiler", compiler_name()},
          {"instruction_set", std::string(name(pare::active_instruction_set()))}};
}

}  // namespace bench
