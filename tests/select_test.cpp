// Selection against std::nth_element.
#include <pare/prune/select.hpp>

#include <cmath>
#include <random>

#include "catch.hpp"
#include "support.hpp"

using pare::index_t;

namespace {

// Finite numbers of all signs and exponents, one in four of them small whole numbers that come often.
template <class Value>
std::vector<Value> random_values(std::size_t size, unsigned seed) {
  std::mt19937_64 bits(seed);
  std::vector<Value> values;
  while (values.size() < size) {
    const auto value = std::bit_cast<Value>(static_cast<pare::order_key_t<Value>>(bits()));
    if (bits() % 4 == 0)
      values.push_back(static_cast<Value>(static_cast<int>(bits() % 7) - 3));
    else if (std::isfinite(value))
      values.push_back(value);
  }
  return values;
}

// Which values the cut keeps.
template <class Value>
std::vector<bool> kept_by(pare::cut<pare::order_key_t<Value>> cut, const std::vector<Value>& values) {
  std::vector<bool> kept;
  for (const Value value : values) kept.push_back(cut.keeps(pare::order_key(value)));
  return kept;
}

// The `keep` largest, by nth_element on (value, index): of equals, the lower index.
template <class Value>
std::vector<bool> largest(const std::vector<Value>& values, index_t keep) {
  std::vector<std::pair<Value, index_t>> order;
  for (const Value value : values) order.emplace_back(-value, static_cast<index_t>(order.size()));
  if (keep < static_cast<index_t>(order.size())) std::nth_element(order.begin(), order.begin() + keep, order.end());
  std::vector<bool> kept(values.size());
  for (index_t i = 0; i < keep; ++i) kept[static_cast<std::size_t>(order[static_cast<std::size_t>(i)].second)] = true;
  return kept;
}

template <class Value>
void check_selection(const std::vector<Value>& values, index_t keep) {
  using key = pare::order_key_t<Value>;
  std::vector<key> keys;
  for (const Value value : values) keys.push_back(pare::order_key(value));
  const auto visit_all = [&keys](const auto& visit) {
    for (const key each : keys) visit(each);
  };
  const std::vector<bool> expected = largest(values, keep);
  CHECK(kept_by(pare::select_largest<key>(visit_all, keep), values) == expected);
  CHECK(kept_by(pare::select_largest_of(keys, keep), values) == expected);
}

}  // namespace

TEMPLATE_TEST_CASE("keys are ordered as the numbers", "", float, double) {
  using limits = std::numeric_limits<TestType>;
  const std::vector<TestType> ascending{-limits::infinity(),
                                        limits::lowest(),
                                        TestType(-2),
                                        TestType(-1),
                                        -limits::min(),
                                        -limits::denorm_min(),
                                        TestType(0),
                                        limits::denorm_min(),
                                        limits::min(),
                                        TestType(1),
                                        TestType(1) + limits::epsilon(),
                                        limits::max(),
                                        limits::infinity()};
  for (std::size_t i = 0; i + 1 < ascending.size(); ++i)
    CHECK(pare::order_key(ascending[i]) < pare::order_key(ascending[i + 1]));
}

TEMPLATE_TEST_CASE("both zeros have one key", "", float, double) {
  CHECK(pare::order_key(TestType(-0.0)) == pare::order_key(TestType(0.0)));
}

TEMPLATE_TEST_CASE("selection keeps what nth_element keeps, for every count", "", float, double) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{2}, std::size_t{63}, std::size_t{64}, std::size_t{65}}) {
    const auto values = random_values<TestType>(size, static_cast<unsigned>(size));
    for (index_t keep = 0; keep <= static_cast<index_t>(size); ++keep) check_selection(values, keep);
  }
}

TEMPLATE_TEST_CASE("selection keeps what nth_element keeps among a thousand", "", float, double) {
  const auto values = random_values<TestType>(1000, 5);
  for (const index_t keep : {0, 1, 99, 250, 500, 501, 900, 999, 1000}) check_selection(values, keep);
}

TEMPLATE_TEST_CASE("selection keeps what nth_element keeps among thousands", "", float, double) {
  const auto values = random_values<TestType>(5000, 6);
  for (const index_t keep : {0, 1, 500, 2500, 4999, 5000}) check_selection(values, keep);
}

TEMPLATE_TEST_CASE("selection tells numbers apart that differ in the last bit", "", float, double) {
  std::vector<TestType> values;
  TestType value = 1;
  for (int i = 0; i < 100; ++i) {
    values.push_back(i % 3 == 0 ? -value : value);
    value = std::nextafter(value, TestType(2));
  }
  for (index_t keep = 0; keep <= 100; keep += 7) check_selection(values, keep);
}

TEMPLATE_TEST_CASE("of equal numbers the first are kept", "", float, double) {
  const std::vector<TestType> values{0, TestType(-0.0), 3, 0, 3, TestType(-0.0), 3};
  check_selection(values, 2);
  check_selection(values, 5);
  std::vector<pare::order_key_t<TestType>> keys;
  for (const TestType value : values) keys.push_back(pare::order_key(value));
  const auto cut = pare::select_largest_of(keys, 5);
  CHECK(kept_by(cut, values) == std::vector<bool>{true, true, true, false, true, false, true});
}
