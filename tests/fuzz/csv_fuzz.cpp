// A libFuzzer target: any bytes as a table of comma-separated numbers. What is read comes back from the file that it is
// written to.
#include <pare/io/csv_dataset.hpp>

#include "harness.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::scratch_file file({data, size}, "x.csv"), copy({}, "copy.csv");
  const fuzz::memory_limit limit(fuzz::most_memory(size));
  try {
    const pare::csv_table table = pare::read_csv(file.path());
    pare::save_csv(table, copy.path());
    const pare::csv_header header = table.names.empty() ? pare::csv_header::absent : pare::csv_header::present;
    const pare::csv_table again = pare::read_csv(copy.path(), {.separator = ',', .header = header});
    if (again.values != table.values) std::abort();
    pare::load_csv_labels(file.path());
  } catch (const pare::error&) {
  }
  return 0;
}
