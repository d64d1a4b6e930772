// The index of a checkpoint in shards (`model.safetensors.index.json`): which file each tensor is in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <pare/tensor/error.hpp>

namespace pare::detail {

// Receives the events of nlohmann's parser for {"weight_map": {"tensor": "file", ...}, "metadata": ..., ...}, of which
// everything but the map is passed over. Throws format_error for a map that is none.
class weight_map_events {
 public:
  std::map<std::string, std::string>& files() { return files_; }

  bool start_object(std::size_t) { return open(true); }
  bool end_object() { return close(); }
  bool start_array(std::size_t) { return open(false); }
  bool end_array() { return close(); }
  bool key(std::string& key) {
    if (depth_ == 1) in_map_ = key == "weight_map";
    if (depth_ == 1 && in_map_) {
      require<format_error>(!found_, "weight_map is there twice");
      found_ = true;
    }
    if (depth_ == 2 && in_map_)
      require<format_error>(!files_.contains(key), "weight_map, ", key.substr(0, 100), ": is there twice");
    if (depth_ <= 2) key_ = std::move(key);
    return true;
  }
  bool string(std::string& value) {
    if (depth_ < 2 || !in_map_) return other();
    // What could lead out of the folder is refused, so that a checkpoint reads nothing but its own files.
    const bool plain = !value.empty() && value.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos &&
                       value != "." && value != "..";
    require<format_error>(plain, "weight_map, ", key_.substr(0, 100), ": is in ", value.substr(0, 100).c_str(),
                          ", must be a file beside the index");
    files_[key_] = std::move(value);
    return true;
  }
  bool number_unsigned(std::uint64_t) { return other(); }
  bool number_integer(std::int64_t) { return other(); }
  bool number_float(double, const std::string&) { return other(); }
  bool boolean(bool) { return other(); }
  bool null() { return other(); }
  bool binary(std::vector<std::uint8_t>&) { return other(); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception& reason) {
    throw format_error(
        text("the index is not JSON at byte ", position, ": ", std::string(reason.what()).substr(0, 200)));
  }

 private:
  static constexpr int deepest = 64;

  bool open(bool object) {
    require<format_error>(depth_ > 0 || object, "the index must be an object");
    require<format_error>(depth_ != 1 || !in_map_ || object, "weight_map must be an object");
    require<format_error>(depth_ < 2 || !in_map_, "weight_map, ", key_.substr(0, 100), ": must be the name of a file");
    require<format_error>(depth_ < deepest, "the index nests deeper than ", deepest);
    ++depth_;
    return true;
  }
  bool close() {
    --depth_;
    return true;
  }
  bool other() const {
    require<format_error>(depth_ > 0, "the index must be an object");
    require<format_error>(!in_map_, "weight_map", depth_ > 1 ? ", " + key_.substr(0, 100) : "",
                          depth_ > 1 ? ": must be the name of a file" : " must be an object");
    return true;
  }

  int depth_ = 0;
  bool in_map_ = false;  // the value of the last key of the outermost object is the map
  bool found_ = false;
  std::string key_;
  std::map<std::string, std::string> files_;
};

// The file of each tensor. Throws format_error for what is no index.
inline std::map<std::string, std::string> read_weight_map(std::span<const std::byte> index) {
  const std::string_view json(reinterpret_cast<const char*>(index.data()), index.size());
  weight_map_events events;
  nlohmann::json::sax_parse(json.begin(), json.end(), &events);
  require<format_error>(!events.files().empty(), "the index has no weight_map, or an empty one");
  return std::move(events.files());
}

}  // namespace pare::detail
