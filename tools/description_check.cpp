// SPDX-License-Identifier: MIT
//
// What one line of a description cannot show: that every name exists, that the banks are one
// tree, that a process which runs has what is needed to run.
#include <algorithm>

#include "tools/description.hpp"

namespace perdure {
namespace {

using What = CapabilityDescription::What;
constexpr size_t bank_depth_max = 32;

class Check {
 public:
  explicit Check(const ImageDescription& image) : image_(image) {}

  void everything() const {
    banks();
    for (const auto& s : image_.schedules) schedule(s);
    for (const auto& e : image_.endpoints) owned(e), exists(image_.processes, e.receiver, "process");
    for (const auto& n : image_.notices) owned(n), exists(image_.processes, n.receiver, "process");
    for (const auto& w : image_.wrappers) owned(w), wrapper(w);
    for (const auto& p : image_.processes) process(p);
    for (const auto& r : image_.recipes) program_of(r), exists(image_.schedules, r.schedule, "schedule");
    one_process_has_the_books();
  }

 private:
  [[noreturn]] void fail(int line, const std::string& message) const {
    description_error(image_.file_name, line, message);
  }

  template <typename Section>
  void exists(const std::vector<Section>& sections, const Reference& reference,
              const std::string& what) const {
    if (reference.is_given() && !find_named(sections, reference.name)) {
      fail(reference.line, "there is no " + what + " '" + reference.name + "'");
    }
  }

  template <typename Section>
  void owned(const Section& section) const { exists(image_.banks, section.bank, "bank"); }

  template <typename Section>
  void program_of(const Section& section) const {
    if (!section.program.is_given()) fail(section.line, "'" + section.name + "' has no program");
    exists(image_.programs, section.program, "program");
  }

  void banks() const {
    if (image_.banks.empty()) fail(1, "there is no bank; exactly one without a parent is needed");
    const BankDescription* root = nullptr;
    for (const BankDescription& bank : image_.banks) {
      exists(image_.banks, bank.parent, "bank");
      if (bank.parent.is_given()) continue;
      if (root) fail(bank.line, "'" + root->name + "' is the root bank already; '" + bank.name + "' needs a parent");
      root = &bank;
    }
    for (const BankDescription& bank : image_.banks) reaches_root(bank);
  }

  void reaches_root(const BankDescription& bank) const {
    const BankDescription* at = &bank;
    for (size_t depth = 0; at->parent.is_given(); ++depth) {
      if (depth == bank_depth_max) {
        fail(bank.line, "'" + bank.name + "' is its own ancestor, or more than " +
                            std::to_string(bank_depth_max) + " banks deep");
      }
      at = find_named(image_.banks, at->parent.name);
    }
  }

  void wrapper(const WrapperDescription& wrapper) const {
    if (wrapper.target.what == What::wrapped && wrapper.target.name == wrapper.name) {
      fail(wrapper.target.line, "'" + wrapper.name + "' cannot be its own target");
    }
    capability(wrapper.target);
  }

  void schedule(const ScheduleDescription& schedule) const {
    if (schedule.priority > schedule.ceiling.value_or(schedule.priority)) {
      fail(schedule.line, "'" + schedule.name + "' has a priority above its ceiling");
    }
  }

  void process(const ProcessDescription& process) const {
    owned(process);
    program_of(process);
    exists(image_.schedules, process.schedule, "schedule");
    exists(image_.endpoints, process.bank_endpoint, "endpoint");
    if (process.state != InitialState::stopped && !process.schedule.is_given()) {
      fail(process.line, "'" + process.name + "' is started, so it needs a schedule");
    }
    for (const auto* c : {&process.keeper, &process.space_keeper, &process.pocket, &process.brand}) {
      capability(*c);
    }
    for (const auto& [number, c] : process.registers) capability(c);
  }

  void capability(const CapabilityDescription& c) const {
    const Reference reference{c.name, c.line};
    switch (c.what) {
      case What::process:
      case What::space: return exists(image_.processes, reference, "process");
      case What::endpoint:
      case What::entry: return exists(image_.endpoints, reference, "endpoint");
      case What::notice: return exists(image_.notices, reference, "notice");
      case What::schedule: return exists(image_.schedules, reference, "schedule");
      case What::wrapper:
      case What::wrapped: return exists(image_.wrappers, reference, "wrapper");
      case What::bank:
        if (!a_process_has_the_books()) fail(c.line, "a bank needs a process with 'arena books'");
        return exists(image_.banks, reference, "bank");
      default: return;
    }
  }

  void one_process_has_the_books() const {
    const ProcessDescription* keeper_of_books = nullptr;
    for (const ProcessDescription& process : image_.processes) {
      if (!process.has_books) continue;
      if (keeper_of_books) fail(process.line, "'" + keeper_of_books->name + "' has the books already");
      keeper_of_books = &process;
    }
  }

  bool a_process_has_the_books() const {
    return std::ranges::any_of(image_.processes, &ProcessDescription::has_books);
  }

  const ImageDescription& image_;
};

}  // namespace

void check_description(const ImageDescription& image) { Check(image).everything(); }

}  // namespace perdure
