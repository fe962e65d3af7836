// A checkpoint's safetensors: model.safetensors, or the several files that an index names.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "hooked/core/names.hpp"
#include "hooked/io/json.hpp"
#include "hooked/io/safetensors.hpp"

namespace hooked {

/// The tensors of a directory, found by name. Files are opened, and read when numbers are wanted.
class SafetensorsShards {
 public:
  /// Opens DIRECTORY/model.safetensors, or else the files that the "weight_map" of
  /// DIRECTORY/model.safetensors.index.json names beside it. Throws FormatError when neither is
  /// there, a file is damaged or holds other tensors than the index says, or a name is a path.
  explicit SafetensorsShards(const std::filesystem::path& directory) {
    const std::filesystem::path whole = directory / "model.safetensors";
    const std::filesystem::path index = directory / "model.safetensors.index.json";
    if (std::filesystem::exists(whole)) {
      add(whole);
      return;
    }
    if (!std::filesystem::exists(index)) {
      const bool is_pickled = std::filesystem::exists(directory / "pytorch_model.bin");
      fail<FormatError>(directory.string(),
                        ": holds neither model.safetensors nor model.safetensors.index.json",
                        is_pickled ? "; pytorch_model.bin is not read" : "");
    }
    read_index(directory, index);
  }

  /// Sorted.
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& [name, file] : file_of_) all.push_back(name);
    return all;
  }
  /// The file that holds a tensor. Throws NameError with the nearest names when none does.
  const SafetensorsFile& operator[](std::string_view name) const {
    const auto found = file_of_.find(name);
    if (found == file_of_.end()) {
      fail<NameError>("there is no tensor \"", name,
                      "\"; the nearest are: ", nearest_names(name, names()));
    }
    return files_[found->second];
  }

 private:
  void add(const std::filesystem::path& path) {
    files_.emplace_back(path);
    for (const std::string& name : files_.back().names()) {
      if (!file_of_.emplace(name, files_.size() - 1).second) {
        fail<FormatError>(path.string(), ": holds \"", name, "\", as another file does");
      }
    }
  }

  void read_index(const std::filesystem::path& directory, const std::filesystem::path& path) {
    const std::string label = path.string();
    const nlohmann::ordered_json json = load_json(path);
    const auto map = json.is_object() ? json.find("weight_map") : json.end();
    if (map == json.end() || !map->is_object()) {
      fail<FormatError>(label, ": holds no \"weight_map\" from tensors to files");
    }
    std::map<std::string, std::size_t> number_of;  // of each file
    for (const auto& [tensor, value] : map->items()) {
      const std::string name = value.is_string() ? value.get<std::string>() : "";
      if (name.empty() || std::filesystem::path(name).filename() != name) {
        fail<FormatError>(label, ": \"", tensor, "\" is in ", value.dump(),
                          ", expected the name of a file beside it");
      }
      if (number_of.emplace(name, files_.size()).second) add(directory / name);
      const auto found = file_of_.find(tensor);
      if (found == file_of_.end() || found->second != number_of[name]) {
        fail<FormatError>(label, ": \"", tensor, "\" is not in ", name);
      }
    }
    for (const auto& [tensor, file] : file_of_) {
      if (!map->contains(tensor)) fail<FormatError>(label, ": does not name \"", tensor, '"');
    }
  }

  std::vector<SafetensorsFile> files_;
  std::map<std::string, std::size_t, std::less<>> file_of_;
};

}  // namespace hooked
