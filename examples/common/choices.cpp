#include <cmath>

#include "hooked/core/names.hpp"
#include "study.hpp"

namespace study {

const Choice& Choices::find(const std::string& name) const {
  std::vector<std::string> names;
  for (const Choice& choice : all_) {
    if (choice.name == name) return choice;
    names.push_back(choice.name);
  }
  hooked::fail<hooked::NameError>("there is no choice \"", name,
                                  "\"; the nearest are: ", hooked::nearest_names(name, names));
}

Index Choices::count(const std::string& name) const {
  const double value = find(name).value;
  if (value != std::floor(value) || std::abs(value) > 1e15) {
    hooked::fail<hooked::ConfigError>(name, " is ", value, ", it must be a whole number");
  }
  return static_cast<Index>(value);
}

Choices Choices::with(const std::vector<std::pair<std::string, double>>& values) const {
  Choices changed = *this;
  for (const auto& [name, value] : values) {
    const auto place = &find(name) - all_.data();
    changed.all_[static_cast<std::size_t>(place)].value = value;
  }
  return changed;
}

Choices choices_of(const Study& study, const std::string& preset,
                   const std::vector<std::pair<std::string, double>>& values) {
  std::vector<std::string> names;
  for (const Preset& known : study.presets) {
    if (known.name == preset || preset.empty())
      return study.choices.with(known.values).with(values);
    names.push_back(known.name);
  }
  hooked::fail<hooked::NameError>(study.name, " has no preset \"", preset,
                                  "\"; the nearest are: ", hooked::nearest_names(preset, names));
}

}  // namespace study
