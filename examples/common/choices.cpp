#include <algorithm>
#include <cmath>

#include "hooked/core/names.hpp"
#include "study.hpp"

namespace study {

nlohmann::ordered_json Value::to_json() const {
  return is_word() ? nlohmann::ordered_json(word()) : nlohmann::ordered_json(number());
}

namespace {

[[noreturn]] void refuse(const std::string& name, const Value& value, bool wants_word) {
  hooked::fail<hooked::ConfigError>(name, " is ", value.to_json().dump(), ", it must be ",
                                    wants_word ? "a word" : "a number");
}

}  // namespace

const Choice& Choices::find(const std::string& name) const {
  std::vector<std::string> names;
  for (const Choice& choice : all_) {
    if (choice.name == name) return choice;
    names.push_back(choice.name);
  }
  hooked::fail<hooked::NameError>("there is no choice \"", name,
                                  "\"; the nearest are: ", hooked::nearest_names(name, names));
}

const Choice& Choices::find_as(const std::string& name, bool is_word) const {
  const Choice& choice = find(name);
  if (choice.value.is_word() != is_word) refuse(choice.name, choice.value, is_word);
  return choice;
}

double Choices::operator[](const std::string& name) const {
  return find_as(name, false).value.number();
}

const std::string& Choices::word(const std::string& name) const {
  return find_as(name, true).value.word();
}

Index Choices::count(const std::string& name) const {
  const double value = (*this)[name];
  if (value != std::floor(value) || std::abs(value) > 1e15) {
    hooked::fail<hooked::ConfigError>(name, " is ", value, ", it must be a whole number");
  }
  return static_cast<Index>(value);
}

bool Choices::yes(const std::string& name) const {
  const Index value = count(name);
  if (value != 0 && value != 1) {
    hooked::fail<hooked::ConfigError>(name, " is ", value, ", it must be 0 or 1");
  }
  return value == 1;
}

Choices Choices::with(const Chosen& values) const {
  Choices changed = *this;
  for (const auto& [name, value] : values) {
    const Choice& choice = find(name);
    const auto place = &choice - all_.data();
    if (value.is_word() != choice.value.is_word()) refuse(name, value, choice.value.is_word());
    if (!choice.words.empty() &&
        std::find(choice.words.begin(), choice.words.end(), value.word()) == choice.words.end()) {
      hooked::fail<hooked::NameError>(name, " is \"", value.word(), "\"; the nearest are: ",
                                      hooked::nearest_names(value.word(), choice.words));
    }
    changed.all_[static_cast<std::size_t>(place)].value = value;
  }
  return changed;
}

Choices choices_of(const std::string& name, const Choices& choices,
                   const std::vector<Preset>& presets, const std::string& preset,
                   const Chosen& values) {
  std::vector<std::string> names;
  for (const Preset& known : presets) {
    if (known.name == preset || preset.empty()) return choices.with(known.values).with(values);
    names.push_back(known.name);
  }
  hooked::fail<hooked::NameError>(name, " has no preset \"", preset,
                                  "\"; the nearest are: ", hooked::nearest_names(preset, names));
}

}  // namespace study
