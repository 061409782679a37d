// SPDX-License-Identifier: MIT
//
// Reads an image description: a table of sections, and per section a table of statements, each
// with the function that reads it. The format is stated in description.md.
#include <algorithm>
#include <set>

#include "objects/process.hpp"
#include "objects/rows.hpp"
#include "tools/description.hpp"
#include "tools/description_words.hpp"
#include "tools/tool_error.hpp"

namespace perdure {
namespace {

using Words = DescriptionWords;

// More frames than this in one arena or stack is a slip of the pen, not a wish.
constexpr uint64_t frames_max = uint64_t{1} << 30;

template <typename Section>
struct Statement {
  std::string_view word;
  void (*read)(Section&, Words&);
  bool may_repeat = false;
};

constexpr Statement<ScheduleDescription> schedule_statements[] = {
    {"priority", [](auto& s, Words& w) { s.priority = static_cast<uint8_t>(w.number("priority", priority_max)); }},
    {"ceiling", [](auto& s, Words& w) { s.ceiling = static_cast<uint8_t>(w.number("ceiling", priority_max)); }},
    {"slice", [](auto& s, Words& w) { s.slice_ns = w.duration_ns("slice"); }},
};

constexpr Statement<BankDescription> bank_statements[] = {
    {"parent", [](auto& b, Words& w) { b.parent = w.reference("parent bank"); }},
    {"limit", [](auto& b, Words& w) { if (!w.accept("all")) b.limit = w.number("limit", frames_max); }},
};

constexpr Statement<EndpointDescription> endpoint_statements[] = {
    {"receiver", [](auto& e, Words& w) { e.receiver = w.reference("receiver process"); }},
    {"id", [](auto& e, Words& w) { e.id = w.number("id"); }},
    {"bank", [](auto& e, Words& w) { e.bank = w.reference("bank"); }},
};

constexpr Statement<NoticeDescription> notice_statements[] = {
    {"receiver", [](auto& n, Words& w) { n.receiver = w.reference("receiver process"); }},
    {"bits", [](auto& n, Words& w) { n.bits = w.number("bits"); }},
    {"bank", [](auto& n, Words& w) { n.bank = w.reference("bank"); }},
};

constexpr Statement<WrapperDescription> wrapper_statements[] = {
    {"target", [](auto& s, Words& w) { s.target = w.capability(); }},
    {"payload", [](auto& s, Words& w) { s.payload = w.number("payload"); }},
    {"hand_over", [](auto& s, Words&) { s.hand_over = true; }},
    {"bank", [](auto& s, Words& w) { s.bank = w.reference("bank"); }},
};

void read_state(ProcessDescription& process, Words& words) {
  if (words.accept("running")) process.state = InitialState::running;
  else if (words.accept("stopped")) process.state = InitialState::stopped;
  else words.fail("state must be running or stopped");
}

void read_arena(ProcessDescription& process, Words& words) {
  process.has_books = words.accept("books");
  if (process.has_books) process.bank_endpoint = words.reference("endpoint of the banks");
  else process.arena_frames = words.number("frames of the arena", frames_max);
}

void read_register(ProcessDescription& process, Words& words) {
  const auto number = static_cast<unsigned>(
      words.number("register number", capability_register_count - 1));
  if (number == 0) words.fail("register 0 is always void");
  if (process.registers.contains(number)) {
    words.fail("register " + std::to_string(number) + " is given twice");
  }
  process.registers[number] = words.capability();
}

uint64_t read_stack(Words& words) {
  const uint64_t frames = words.number("frames of the stack", frames_max);
  if (frames == 0) words.fail("a stack has at least one frame");
  return frames;
}

constexpr Statement<ProcessDescription> process_statements[] = {
    {"program", [](auto& p, Words& w) { p.program = w.reference("program"); }},
    {"bank", [](auto& p, Words& w) { p.bank = w.reference("bank"); }},
    {"schedule", [](auto& p, Words& w) { p.schedule = w.reference("schedule"); }},
    {"state", read_state},
    {"argument", [](auto& p, Words& w) { p.argument = w.number("argument"); }},
    {"stack", [](auto& p, Words& w) { p.stack_frames = read_stack(w); }},
    {"arena", read_arena},
    {"keeper", [](auto& p, Words& w) { p.keeper = w.capability(); }},
    {"space_keeper", [](auto& p, Words& w) { p.space_keeper = w.capability(); }},
    {"pocket", [](auto& p, Words& w) { p.pocket = w.capability(); }},
    {"brand", [](auto& p, Words& w) { p.brand = w.capability(); }},
    {"register", read_register, true},
};

constexpr Statement<RecipeDescription> recipe_statements[] = {
    {"program", [](auto& r, Words& w) { r.program = w.reference("program"); }},
    {"schedule", [](auto& r, Words& w) { r.schedule = w.reference("schedule"); }},
    {"stack", [](auto& r, Words& w) { r.stack_frames = read_stack(w); }},
    {"frames", [](auto& r, Words& w) { r.least_frames = w.number("frames", frames_max); }},
};

class Parser {
 public:
  Parser(std::string file_name) { image_.file_name = std::move(file_name); }

  ImageDescription parse(std::string_view text) {
    for (int line = 1; !text.empty(); ++line) {
      const size_t end = std::min(text.find('\n'), text.size());
      read_line(line, text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    return std::move(image_);
  }

 private:
  using ReadStatement = void (Parser::*)(Words&);
  struct SectionWord {
    std::string_view word;
    void (Parser::*begin)(Words&);
    ReadStatement read_statement;  // null: the section is one line
  };
  static const SectionWord section_words[];

  void read_line(int line, std::string_view text) {
    Words words(image_.file_name, line, text);
    if (words.is_empty()) return;
    const bool is_indented = text.front() == ' ' || text.front() == '\t';
    if (is_indented) {
      if (!read_statement_) words.fail("an indented line that belongs to no section");
      (this->*read_statement_)(words);
    } else {
      begin_section(words);
    }
    words.expect_end();
  }

  void begin_section(Words& words) {
    const std::string word = words.next("section");
    const auto* found = std::find_if(section_words, section_words + section_word_count,
                                     [&](const SectionWord& s) { return s.word == word; });
    if (found == section_words + section_word_count) words.fail("unknown section '" + Words::printable(word) + "'");
    seen_.clear();
    read_statement_ = found->read_statement;
    (this->*found->begin)(words);
  }

  void begin_interval(Words& words) { image_.interval_ns = words.duration_ns("interval"); }
  void begin_program(Words& words) {
    begin<&ImageDescription::programs>(words);
    ProgramDescription& program = image_.programs.back();
    program.file = words.is_empty() ? program.name + ".elf" : words.name("file");
  }

  template <auto list>
  void begin(Words& words) {
    auto& sections = image_.*list;
    const std::string name = words.name("name");
    if (const auto* other = find_named(sections, name)) {
      words.fail("'" + name + "' is already the name of line " + std::to_string(other->line));
    }
    sections.emplace_back();
    sections.back().name = name;
    sections.back().line = words.line();
  }

  template <auto list, const auto& statements>
  void read_statement(Words& words) {
    const std::string word = words.next("statement");
    for (const auto& statement : statements) {
      if (statement.word != word) continue;
      if (!statement.may_repeat && !seen_.insert(word).second) {
        words.fail("'" + word + "' is said twice in this section");
      }
      return statement.read((image_.*list).back(), words);
    }
    words.fail("unknown statement '" + Words::printable(word) + "' in this section");
  }

  static constexpr size_t section_word_count = 9;
  ImageDescription image_;
  ReadStatement read_statement_ = nullptr;
  std::set<std::string> seen_;  // statements of the current section
};

const Parser::SectionWord Parser::section_words[section_word_count] = {
    {"interval", &Parser::begin_interval, nullptr},
    {"program", &Parser::begin_program, nullptr},
    {"schedule", &Parser::begin<&ImageDescription::schedules>,
     &Parser::read_statement<&ImageDescription::schedules, schedule_statements>},
    {"bank", &Parser::begin<&ImageDescription::banks>,
     &Parser::read_statement<&ImageDescription::banks, bank_statements>},
    {"endpoint", &Parser::begin<&ImageDescription::endpoints>,
     &Parser::read_statement<&ImageDescription::endpoints, endpoint_statements>},
    {"notice", &Parser::begin<&ImageDescription::notices>,
     &Parser::read_statement<&ImageDescription::notices, notice_statements>},
    {"wrapper", &Parser::begin<&ImageDescription::wrappers>,
     &Parser::read_statement<&ImageDescription::wrappers, wrapper_statements>},
    {"process", &Parser::begin<&ImageDescription::processes>,
     &Parser::read_statement<&ImageDescription::processes, process_statements>},
    {"recipe", &Parser::begin<&ImageDescription::recipes>,
     &Parser::read_statement<&ImageDescription::recipes, recipe_statements>},
};

}  // namespace

void description_error(const std::string& file_name, int line, const std::string& message) {
  throw ToolError(ExitStatus::usage, file_name + ":" + std::to_string(line) + ": " + message);
}

ImageDescription parse_description(std::string file_name, std::string_view text) {
  ImageDescription image = Parser(std::move(file_name)).parse(text);
  check_description(image);
  return image;
}

}  // namespace perdure
