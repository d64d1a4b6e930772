// Runs that are saved and go on: to the last bit, or not at all.
#include <pare/train/checkpoint.hpp>

#include "catch.hpp"
#include "files.hpp"
#include "training_runs.hpp"

using pare::mlp;
using pare::training_options;

namespace {

// Runs with most options on, each with what the others leave out.
training_options options_number(int number, const pare::dataset& validation) {
  training_options options = everything(validation);
  if (number == 1) {
    options.optimizer = pare::sgd{};
    options.pruning.regrow = pare::regrowth::gradient;
    options.averaging = {};
  }
  if (number == 2) {
    options = {.epochs = 6, .batch_size = 16, .optimizer = pare::rmsprop{.momentum = 0.5f}};
    options.variational = pare::variational_dropout{.ramp_end = 4};
    options.averaging = {.from_epoch = 2};
  }
  return options;
}

}  // namespace

TEST_CASE("a resumed run goes on as if it had never been interrupted, to the last bit") {
  const temporary_folder folder;
  const pare::dataset data = make_clouds(100), validation = make_clouds(30, 6);
  const training_options options = options_number(GENERATE(0, 1, 2), validation);
  pare::trainer whole(small_mlp(), data, options);
  std::vector<pare::epoch_report> reports;
  while (!whole.finished()) {
    whole.save(folder / std::to_string(reports.size()));
    reports.push_back(whole.epoch());
  }
  for (std::size_t from = 0; from < reports.size(); ++from) {
    pare::trainer resumed(small_mlp(), data, options);
    resumed.resume(folder / std::to_string(from));
    CHECK(resumed.epochs_done() == static_cast<int>(from));
    for (std::size_t i = from; i < reports.size(); ++i) {
      const pare::epoch_report report = resumed.epoch();
      CHECK(report.epoch == reports[i].epoch);
      CHECK(report.loss == reports[i].loss);
      CHECK(report.learning_rate == reports[i].learning_rate);
      CHECK(report.density == reports[i].density);
      if (report.validation) CHECK(report.validation->loss == reports[i].validation->loss);
    }
    CHECK(resumed.finished());
    CHECK(same(resumed.model(), whole.model()));
    pare::mlp straight = small_mlp();
    pare::train(straight, data, options);
    CHECK(same(resumed.model(), straight));
  }
}

TEST_CASE("saving what was loaded gives the same file") {
  const temporary_folder folder;
  const pare::dataset data = make_clouds(100), validation = make_clouds(30, 6);
  const training_options options = everything(validation);
  pare::trainer run(small_mlp(), data, options);
  for (int i = 0; i < 4; ++i) run.epoch();
  run.save(folder / "a");
  pare::trainer again(small_mlp(), data, options);
  again.resume(folder / "a");
  again.save(folder / "b");
  CHECK(read_bytes(folder / "a") == read_bytes(folder / "b"));
}

TEST_CASE("a damaged checkpoint is refused and the run goes on as it was") {
  const temporary_folder folder;
  const pare::dataset data = make_clouds(20);
  const training_options options{.epochs = 3, .batch_size = 8};
  pare::trainer run(pare::make_mlp({3, 2, 3}, 1), data, options);
  run.epoch();
  run.save(folder / "good");
  const byte_vector good = read_bytes(folder / "good");
  const mlp before = run.model();
  const auto refused = [&](const byte_vector& bytes) {
    write_bytes(folder / "bad", bytes);
    const std::string message = error_message<pare::format_error>([&] { run.resume(folder / "bad"); });
    return message.starts_with((folder / "bad").string() + ": ") && same(run.model(), before);
  };
  for (std::size_t i = 0; i < good.size(); ++i) {
    byte_vector bad = good;
    bad[i] ^= static_cast<std::uint8_t>(1 << i % 8);
    CHECK(refused(bad));
    CHECK(refused(byte_vector(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(i))));
  }
  byte_vector longer = good;
  longer.push_back(0);
  CHECK(refused(longer));
  CHECK_THROWS_AS(run.resume(folder / "missing"), pare::io_error);
  run.resume(folder / "good");
  CHECK(same(run.model(), before));
}

TEST_CASE("a checkpoint that lies behind a right checksum is refused") {
  const temporary_folder folder;
  const pare::dataset data = make_clouds(20);
  pare::trainer run(pare::make_mlp({3, 2, 3}, 1), data, {.epochs = 3, .batch_size = 8, .pruning = {.every = 100}});
  run.save(folder / "good");
  const byte_vector good = read_bytes(folder / "good");
  constexpr std::size_t header = sizeof(pare::detail::checkpoint_header);
  const auto message = [&](std::size_t at, auto value, std::size_t cut = 0) {
    byte_vector bytes(good.begin(), good.end() - static_cast<std::ptrdiff_t>(cut));
    put_number(bytes, header + at, value);
    pare::detail::checksum sum;
    sum.add(std::as_bytes(std::span(bytes)).subspan(header));
    put_number(bytes, 16, static_cast<std::uint64_t>(bytes.size()));
    put_number(bytes, 24, sum.value());
    write_bytes(folder / "bad", bytes);
    const std::string all = error_message<pare::format_error>([&] { run.resume(folder / "bad"); });
    return all.empty() ? all : all.substr((folder / "bad").string().size() + 2);
  };
  CHECK(message(0, 0).empty());
  CHECK(message(0, -1).find("steps in -1 epochs") != std::string::npos);
  CHECK(message(0, 2).find("0 steps in 2 epochs, the run takes 3 in each") != std::string::npos);
  CHECK(message(12, -1.0).find("schedule that cannot be") != std::string::npos);
  const std::size_t layers = 4 + 8 + 8 + 8 + 4 + 8 + 4;
  CHECK(message(layers, 3u) == "has 3 layers, the run has 2");
  CHECK(message(layers + 4, std::uint64_t{1} << 60) == "has 1152921504606846976 weights, the run has 6");
  CHECK(message(layers + 12, std::numeric_limits<float>::infinity()) == "has weights that are not finite");
  CHECK(message(0, 0, 4) == "ends before the best parameters");
  const std::size_t masks = good.size() - header - 4 - 2 * 8;
  CHECK(message(masks, ~std::uint64_t{0}) == "has a mask with bits beyond its end");
  CHECK(message(masks - 4, 7u) == "has 7 as the mark of the average, must be 0 or 1");
}

TEST_CASE("a checkpoint of another run is refused") {
  const temporary_folder folder;
  const pare::dataset data = make_clouds(20);
  const training_options options{.epochs = 3, .batch_size = 8};
  pare::trainer run(pare::make_mlp({3, 2, 3}, 1), data, options);
  run.epoch();
  run.save(folder / "saved");
  pare::trainer wider(pare::make_mlp({3, 4, 3}, 1), data, options);
  CHECK_THROWS_AS(wider.resume(folder / "saved"), pare::format_error);
  pare::trainer deeper(pare::make_mlp({3, 2, 2, 3}, 1), data, options);
  CHECK_THROWS_AS(deeper.resume(folder / "saved"), pare::format_error);
  const pare::dataset more = make_clouds(30);
  pare::trainer longer(pare::make_mlp({3, 2, 3}, 1), more, options);
  CHECK_THROWS_AS(longer.resume(folder / "saved"), pare::format_error);
  const auto refused = [&](pare::activation function, const training_options& other) {
    pare::mlp model = pare::make_mlp({3, 2, 3}, 1);
    model.layers[0].function = function;
    pare::trainer resumed(model, data, other);
    const std::string message = error_message<pare::format_error>([&] { resumed.resume(folder / "saved"); });
    return message.find("is of a run with another seed, batch size") != std::string::npos;
  };
  const auto as_it_was = pare::activation::relu;
  CHECK(!refused(as_it_was, options));
  CHECK(!refused(as_it_was, {.epochs = 5, .batch_size = 8, .learning_rate = 1e-4}));
  CHECK(refused(pare::activation::tanh, options));
  CHECK(refused(as_it_was, {.epochs = 3, .batch_size = 8, .seed = 2}));
  CHECK(refused(as_it_was, {.epochs = 3, .batch_size = 8, .shards = 2}));
  CHECK(refused(as_it_was, {.epochs = 3, .batch_size = 8, .optimizer = pare::adamw{}}));
  CHECK(
      refused(as_it_was, {.epochs = 3, .batch_size = 8, .constraints = pare::keep({pare::mask(2, 3), pare::mask()})}));
}
