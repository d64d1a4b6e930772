// Tables of comma-separated numbers, and data sets in them.
#include <pare/io/csv_dataset.hpp>

#include <limits>

#include "catch.hpp"
#include "files.hpp"
#include "support.hpp"

namespace fs = std::filesystem;
using matrix = pare::row_major_matrix;
using names = std::vector<std::string>;

namespace {

// One file with the given content.
class text_file {
 public:
  explicit text_file(const std::string& content) { write_bytes(path(), {content.begin(), content.end()}); }
  fs::path path() const { return folder_ / "table.csv"; }
  pare::csv_table read(const pare::csv_options& options = {}) const { return pare::read_csv(path(), options); }

  // The message of an error without the name of the file in front.
  template <class Error, class Call>
  std::string message(Call&& call) const {
    const std::string prefix = path().string() + ": ";
    const std::string message = error_message<Error>(call);
    CHECK(message.rfind(prefix, 0) == 0);
    return message.substr(std::min(prefix.size(), message.size()));
  }
  std::string refusal(const pare::csv_options& options = {}) const {
    return message<pare::format_error>([&] { read(options); });
  }

 private:
  temporary_folder folder_;
};

std::string refusal(const std::string& content) { return text_file(content).refusal(); }

const matrix two_by_three = (matrix(2, 3) << 1, 2.5f, -3, 4e-2f, 5, 1000).finished();

}  // namespace

TEST_CASE("a table is read with each separator, end of line and way to write a number") {
  const std::string text = GENERATE(values<std::string>({
      "1,2.5,-3\n4e-2,5,1000\n",                           // plain
      "1,2.5,-3\r\n.04,5.,1E3",                            // CRLF, no end of the last line
      "\xef\xbb\xbf\n1;+2.5;-3\n\n  \r\n0.04;5;1e+3\n\n",  // byte order mark, empty lines
      "1\t2.5\t-3\n0.04\t 5 \t1000\n",                     // tabs
      " 1 ,2.5, -3 \n\"0.04\" , \"5\",\"1e3\"",            // blanks, quotes
  }));
  CAPTURE(text);
  CHECK(text_file(text).read().values == two_by_three);
}

TEST_CASE("a header is found by a field that is no number, or taken as told") {
  const text_file words("a,\"b;\t\",\" c \"\"d\"\"\"\n1,2.5,-3\n0.04,5,1000\n");
  const names expected = {"a", "b;\t", " c \"d\""};
  CHECK(words.read().names == expected);
  CHECK(words.read({.header = pare::csv_header::present}).names == expected);
  CHECK(words.refusal({.header = pare::csv_header::absent}) ==
        "line 1, field 1: \"a\" is not a number finite in float");
  const text_file numbers("7,8,9\n1,2.5,-3\n0.04,5,1000\n");
  CHECK(numbers.read().values.rows() == 3);
  CHECK(numbers.read().names.empty());
  CHECK(numbers.read({.header = pare::csv_header::present}).names == names{"7", "8", "9"});
  CHECK(numbers.read({.header = pare::csv_header::present}).values == two_by_three);
  CHECK(text_file("a,b\n").read().values.rows() == 0);
}

TEST_CASE("a separator is taken as told") {
  const text_file file("a;b|c\n1|2\n");
  CHECK(file.read({.separator = '|'}).names == names{"a;b", "c"});
  CHECK(error_message<pare::value_error>([&] { file.read({.separator = '.'}); }) ==
        "separator is '.', must be one of , ; | and tab");
}

TEST_CASE("numbers are rounded to the nearest float, and to zero below the smallest") {
  const Eigen::RowVectorXf values = text_file("0.1,16777217,1e-40,1e-60,-1e-60,3.4028235e38").read().values;
  CHECK(values == (Eigen::RowVectorXf(6) << 0.1f, 16777216.0f, 1e-40f, 0, 0, 3.4028235e38f).finished());
}

TEST_CASE("what is not a table of numbers is refused by line and field") {
  CHECK(refusal("") == "has no line that is not empty");
  CHECK(refusal("\n\r\n  \n") == "has no line that is not empty");
  CHECK(refusal("1,2\n\n3,x\n") == "line 3, field 2: \"x\" is not a number finite in float");
  CHECK(refusal("1,2\n3,\n") == "line 2, field 2: \"\" is not a number finite in float");
  CHECK(refusal("1,2\n3\n") == "line 2, field 1: the line ends, the first has 2 fields");
  CHECK(refusal("1,2\n3,4,5\n") == "line 2, field 3: the first line has only 2 fields");
  CHECK(refusal("1,2\n3,1e39\n") == "line 2, field 2: \"1e39\" is not a number finite in float");
  CHECK(refusal("1,2\n3,1e999\n") == "line 2, field 2: \"1e999\" is not a number finite in float");
  CHECK(refusal("1,2\nnan,4\n") == "line 2, field 1: \"nan\" is not a number finite in float");
  CHECK(refusal("1,2\n3,-inf\n") == "line 2, field 2: \"-inf\" is not a number finite in float");
  CHECK(refusal("1,2\n3,+-4\n") == "line 2, field 2: \"+-4\" is not a number finite in float");
  CHECK(refusal("1,2\n3 4,5\n") == "line 2, field 1: \"3 4\" is not a number finite in float");
  CHECK(refusal("1,2\n3,\"4\n") == "line 2, field 2: a quote is not closed");
  CHECK(refusal("1,2\n\"3\"4,5\n") == "line 2, field 1: something stands behind a quote");
  CHECK(refusal("1,5;2,5\n1,5;2,5\n") == "line 2, field 1: \"1,5\" is not a number finite in float");
  CHECK(refusal(std::string("1,2\n3,4\0\n", 9)).find("line 2, field 2: ") == 0);
}

TEST_CASE("a table of impossible size is refused, without the memory it promises") {
  const std::size_t many = 2'000'000;
  CHECK(refusal(std::string(many, ',')) == "line 1, field 1000001: a line may have a million fields");
  std::string wide = "0";
  for (int i = 1; i < 900'000; ++i) wide += ",0";
  // 900,000 fields in each of a million lines would be 3.6 TB.
  std::string lines;
  for (int i = 0; i < 1'000'000; ++i) lines += "\n0";
  CHECK(refusal(wide + lines) == "line 2, field 1: the line ends, the first has 900000 fields");
}

TEST_CASE("a table cut short anywhere, or with any byte changed, is read or refused") {
  const std::string whole = "a,\"b\"\"\"\r\n1.5, \"2\"\r\n+3e1,-4\n";
  for (std::size_t length = 0; length < whole.size(); ++length)
    for (const char changed : {'\0', '"', ',', '\n', '1', 'e'}) {
      const text_file cut(whole.substr(0, length));
      const text_file bad(std::string(whole).replace(length, 1, 1, changed));
      for (const text_file* file : {&cut, &bad}) {
        pare::csv_table table;
        const std::string message = error_message<pare::format_error>([&] { table = file->read(); });
        CHECK(message.empty() == (table.values.cols() > 0));
      }
    }
}

TEST_CASE("a table is read as it was saved, to the bit") {
  const temporary_folder folder;
  pare::csv_table table{{"a", "with \"quotes\"", "comma, semicolon; tab\t", ""}, {}};
  table.values = gaussian(20'000, 4, 1);  // several chunks
  table.values.row(0) << 0.0f, -0.0f, std::numeric_limits<float>::denorm_min(), std::numeric_limits<float>::max();
  const char separator = GENERATE(',', ';', '|', '\t');
  pare::save_csv(table, folder / "t.csv", separator);
  for (const pare::csv_options options : {pare::csv_options{separator}, {separator, pare::csv_header::present}}) {
    const pare::csv_table read = pare::read_csv(folder / "t.csv", options);
    CHECK(read.names == table.names);
    CHECK(read.values == table.values);
    CHECK(std::signbit(read.values(0, 1)));
  }
  CHECK(folder.files() == 1);
}

TEST_CASE("a table that cannot be read again is not saved") {
  const temporary_folder folder;
  const auto message = [&](const pare::csv_table& table, char separator = ',') {
    return error_message([&] { pare::save_csv(table, folder / "t.csv", separator); });
  };
  CHECK(message({}) == "the table is [0, 0], must not be empty");
  CHECK(message({{"a"}, two_by_three}) == "the table has 3 columns but 1 names");
  CHECK(message({{"a", "b\n", "c"}, two_by_three}) == "the name \"b\n\" holds the end of a line");
  CHECK(message({{}, two_by_three}, '.') == "separator is '.', must be one of , ; | and tab");
  matrix bad = two_by_three;
  bad(1, 2) = std::numeric_limits<float>::quiet_NaN();
  CHECK(message({{}, bad}) == "values[1, 2] is nan, must be finite");
  CHECK(folder.files() == 0);
}

TEST_CASE("labels are taken from the last column, a numbered or a named one") {
  const text_file file("kind,x,y\n2,1.5,1\n0,-2,0\n");
  const Eigen::MatrixXf first_two = (Eigen::MatrixXf(2, 2) << 2, 0, 1.5f, -2).finished();
  const pare::dataset last = pare::load_csv_labels(file.path());
  CHECK(last.inputs == first_two);
  CHECK(last.labels == std::vector{1, 0});
  CHECK(last.classes == 2);
  CHECK(last.name == "table");
  const Eigen::MatrixXf last_two = (Eigen::MatrixXf(2, 2) << 1.5f, -2, 1, 0).finished();
  for (const pare::csv_column& column : {pare::csv_column(pare::index_t{0}), pare::csv_column("kind")}) {
    const pare::dataset data = pare::load_csv_labels(file.path(), column);
    pare::validate(data);
    CHECK(data.inputs == last_two);
    CHECK(data.labels == std::vector{2, 0});
    CHECK(data.classes == 3);
  }
}

TEST_CASE("targets are taken in the order of their columns") {
  const text_file file("a,b,c\n1,2,3\n4,5,6\n");
  const pare::dataset data = pare::load_csv_targets(file.path(), {"c", pare::index_t{0}});
  pare::validate(data);
  CHECK(data.inputs == Eigen::RowVector2f(2, 5));
  CHECK(data.targets == (Eigen::Matrix2f() << 3, 6, 1, 4).finished());
  CHECK(pare::load_csv_targets(file.path()).targets == Eigen::RowVector2f(3, 6));
}

TEST_CASE("columns and labels that cannot be are refused") {
  const text_file file("a,b\n\n0,1\n\n0,1.5\n");
  const auto column = [&](const pare::csv_column& wanted) {
    return file.message<pare::value_error>([&] { pare::load_csv_labels(file.path(), wanted); });
  };
  CHECK(column("c") == "has no column named \"c\"");
  CHECK(column(pare::index_t{2}) == "column 2 wanted, must be 0 to 1");
  CHECK(column(pare::index_t{-1}) == "column -1 wanted, must be 0 to 1");
  CHECK(file.message<pare::value_error>([&] {
    pare::load_csv_targets(file.path(), {"b", pare::last_column{}});
  }) == "column 1 is listed twice");
  const auto label = [](const std::string& content) {
    const text_file bad(content);
    return bad.message<pare::format_error>([&] { pare::load_csv_labels(bad.path()); });
  };
  CHECK(label("a,b\n\n0,1\n\n0,1.5\n") ==
        "line 5, field 2: 1.5 is not a label, must be a whole number from 0 to 16777215");
  CHECK(label("0,1\n0,-1\n").find("line 2, field 2: -1 is not a label") == 0);
  CHECK(label("0,16777216\n").find("line 1, field 2: 16777216 is not a label") == 0);
  CHECK(label("1\n2\n") == "has 1 columns and no inputs among them");
  CHECK(label("a,b\n") == "has no line of numbers, at least 1 is needed");
  CHECK(file.message<pare::value_error>([&] { pare::load_csv_targets(file.path(), {}); }) ==
        "no columns are listed as targets, at least 1 is needed");
}

TEST_CASE("a data set is read as it was saved") {
  const temporary_folder folder;
  pare::dataset data{gaussian(3, 40, 2), {}, 5, "samples"};
  for (int i = 0; i < 40; ++i) data.labels.push_back(i % 5);
  pare::save_csv(data, folder / "samples.csv");
  const pare::dataset labelled = pare::load_csv_labels(folder / "samples.csv", "label");
  CHECK(labelled.inputs == data.inputs);
  CHECK(labelled.labels == data.labels);
  CHECK(labelled.classes == 5);
  CHECK(labelled.name == "samples");
  const pare::dataset curve{data.inputs, {}, 0, "curve", gaussian(2, 40, 3)};
  pare::save_csv(curve, folder / "curve.csv", ';');
  const pare::dataset read = pare::load_csv_targets(folder / "curve.csv", {"y0", "y1"});
  CHECK(read.inputs == curve.inputs);
  CHECK(read.targets == curve.targets);
}

TEST_CASE("a table that cannot be opened is refused as such") {
  const temporary_folder folder;
  CHECK(error_message<pare::io_error>([&] { pare::read_csv(folder / "none"); }).find("cannot be opened") !=
        std::string::npos);
  CHECK(error_message<pare::io_error>([&] { pare::read_csv(folder.path()); }).find("is not a regular file") !=
        std::string::npos);
}
