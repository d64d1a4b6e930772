// pack_fastest: codes in the encoding that takes the least time on this machine, by measurement.
#pragma once

#include <chrono>
#include <concepts>
#include <limits>
#include <string>

#include <pare/kernels/multiply.hpp>
#include <pare/storage/pack.hpp>

namespace pare {

struct fastest_options {
  index_t batch = 1;  // samples per multiply, at least 1
  precision inputs = precision::int8;
};

// What one encoding costs.
struct timed_encoding {
  encoding as;
  std::size_t bytes;
  double microseconds;  // of a multiply on one thread: the shortest of several, the weights where it left them
};

struct fastest_packing {
  packed_matrix matrix;
  std::vector<timed_encoding> tried;  // the fastest, which `matrix` has, first
};

// One line for each encoding, which says of the slower ones how many times as long they take.
inline std::string report(const fastest_packing& packing) {
  std::string lines;
  for (const timed_encoding& t : packing.tried) {
    const double times = t.microseconds / packing.tried.front().microseconds;
    lines += detail::text(name(t.as), ": ", t.microseconds, " us, ", t.bytes, " bytes");
    if (times > 1) lines += detail::text(", slower: ", times, " times as long as ", name(packing.tried.front().as));
    lines += '\n';
  }
  return lines;
}

namespace detail {

// A multiply of one matrix with made-up inputs, to be timed.
class timed_multiply {
 public:
  timed_multiply(packed_matrix w, const fastest_options& options)
      : w_(std::move(w)), options_(options), room_(options.batch) {
    x_.assign(static_cast<std::size_t>(options.batch * x_stride()), 0.0f);
    for (std::size_t i = 0; i < x_.size(); ++i) x_[i] = static_cast<float>(i * 2654435761u % 1024) / 512 - 1;
    y_.assign(static_cast<std::size_t>(options.batch * y_stride()), 0.0f);
    bias_.assign(static_cast<std::size_t>(y_stride()), 0.0f);
    room_.grow_for(w_, options.inputs);
    room_.allocate();
  }

  // Microseconds of each of `calls`.
  double run(int calls) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < calls; ++i)
      multiply_samples(w_, bias_.data(), x_.data(), x_stride(), y_.data(), y_stride(), options_.batch, options_.inputs,
                       room_, nullptr);
    return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count() / calls;
  }
  const packed_matrix& matrix() const { return w_; }

 private:
  index_t x_stride() const { return round_up(w_.cols(), lanes); }
  index_t y_stride() const { return round_up(w_.rows(), panel_rows); }

  packed_matrix w_;
  fastest_options options_;
  input_buffer room_;
  std::vector<float> x_, y_, bias_;
};

}  // namespace detail

// Packs codes in every encoding that can hold them and keeps the one whose multiply is the fastest on this machine, by
// the shortest time of several runs in turn. Results do not depend on the choice: the bits are the same in all of them.
// Takes about as long as 30 multiplies in each, at least some milliseconds. Throws value_error for a batch below 1,
// else as pack.
template <std::same_as<quantized_codes> Codes>
fastest_packing pack_fastest(const Codes& q, const fastest_options& options = {}) {
  detail::require<value_error>(options.batch >= 1, "batch is ", options.batch, ", must be at least 1");
  active_instruction_set();  // an unknown PARE_ISA is reported here
  std::vector<detail::timed_multiply> contestants;
  for (const encoding as : {encoding::codes, encoding::bitmap, encoding::sparse, encoding::very_sparse})
    if (as == encoding::codes || detail::can_pack(q, as)) contestants.emplace_back(pack(q, as), options);
  std::vector<double> least(contestants.size(), std::numeric_limits<double>::max());
  std::vector<int> calls;
  constexpr double shortest_round = 50;  // microseconds, well above the resolution of the clock
  for (detail::timed_multiply& c : contestants) {
    c.run(1);
    calls.push_back(1 + static_cast<int>(std::min(shortest_round / std::max(c.run(1), 0.01), 1e4)));
  }
  for (int round = 0; round < 15; ++round)
    for (std::size_t i = 0; i < contestants.size(); ++i) least[i] = std::min(least[i], contestants[i].run(calls[i]));
  fastest_packing result;
  for (std::size_t i = 0; i < contestants.size(); ++i) {
    const packed_matrix& m = contestants[i].matrix();
    result.tried.push_back({m.format().encoding, m.bytes().size(), least[i]});
  }
  const auto fastest = std::min_element(least.begin(), least.end()) - least.begin();
  result.matrix = contestants[static_cast<std::size_t>(fastest)].matrix();
  std::sort(result.tried.begin(), result.tried.end(),
            [](const timed_encoding& a, const timed_encoding& b) { return a.microseconds < b.microseconds; });
  return result;
}

}  // namespace pare
