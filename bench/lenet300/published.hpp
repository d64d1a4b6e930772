// Compressed networks that papers report: LeNet-300-100 on MNIST, 266,610 parameters, 1,066,440 bytes in 32-bit floats.
#pragma once

#include <array>

namespace bench {

struct published_network {
  const char* name;
  const char* source;
  double bytes;
  double test_error;  // percent
};

inline constexpr std::array<published_network, 5> published_networks{{
    {"Deep Compression", "Han, Mao and Dally 2016, arXiv 1510.00149, table 1", 27000, 1.58},
    {"Soft weight sharing", "Ullrich, Meeds and Welling 2017, arXiv 1702.04008, table 1", 16700, 1.94},
    {"RigL, small network", "Evci et al. 2020, arXiv 1911.11134, appendix B (f32 and bitmask)", 31900, 1.44},
    {"RigL+, small network", "Evci et al. 2020, arXiv 1911.11134, appendix B (f32 and bitmask)", 16100, 1.57},
    {"Entropy-penalized reparameterization", "Oktay et al. 2020, arXiv 1906.06624, table 1", 8560, 1.9},
}};

}  // namespace bench
