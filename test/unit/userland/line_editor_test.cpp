// SPDX-License-Identifier: MIT
//
// Tries to make line and picture disagree: everything the editor echoes goes to a terminal of
// one row, which must show the editor's line, or the part of it around the cursor, with the cursor in its
// place, after every key of long random sequences.
#include "userland/shell/line_editor.hpp"

#include <catch2/catch.hpp>

#include <memory>
#include <random>
#include <string>

using namespace perdure;

namespace {

using Event = LineEditor::Event;

struct Terminal {
  std::string cells;
  std::string last;  // the row above
  size_t cursor = 0;

  void take(std::string_view echo) {
    for (const char c : echo) {
      if (c == '\b') {
        REQUIRE(cursor > 0);
        --cursor;
      } else if (c == '\n') {
        last = shown();
        cells.clear();
        cursor = 0;
      } else if (c != '\a') {
        REQUIRE(c >= ' ');
        if (cursor == cells.size()) cells.push_back(' ');
        cells[cursor++] = c;
      }
    }
  }
  std::string shown() const {
    const size_t end = cells.find_last_not_of(' ');
    return end == std::string::npos ? "" : cells.substr(0, end + 1);
  }
};

struct Session {
  std::unique_ptr<LineEditor> editor{new LineEditor()};
  Terminal terminal;

  explicit Session(size_t prompt_length = 9) {
    TextBuffer<LineEditor::echo_length_max> echo;
    editor->show(prompt_length, echo);
    CHECK(echo.text().empty());
  }

  Event key(char character) {
    TextBuffer<LineEditor::echo_length_max> echo;
    const Event event = editor->take(character, echo);
    CHECK_FALSE(echo.is_truncated());
    terminal.take(echo.text());
    return event;
  }
  Event type(std::string_view keys) {
    Event last = Event::none;
    for (const char c : keys) last = key(c);
    return last;
  }
  std::string enter(std::string_view keys) {
    type(keys);
    REQUIRE(key('\r') == Event::entered);
    std::string line(editor->line());
    editor->clear();
    return line;
  }
};

std::string without_trailing_blanks(std::string_view line) {
  const size_t end = line.find_last_not_of(' ');
  return std::string(end == std::string_view::npos ? std::string_view() : line.substr(0, end + 1));
}

// Of a long line: a part, with `<` and `>` where there is more, and neither under the cursor.
void check_picture(const Session& s) {
  const std::string line(s.editor->line());
  const size_t view = s.editor->view_length();
  REQUIRE(s.terminal.cursor <= view);
  REQUIRE(s.terminal.cursor <= s.editor->cursor());
  const size_t start = s.editor->cursor() - s.terminal.cursor;
  const bool more = line.size() - start > view;
  std::string part = line.substr(start, view);
  if (start > 0) part[0] = '<';
  if (more) part[view - 1] = '>';
  for (char& c : part) c = c == '\x7f' ? '?' : c;
  REQUIRE(s.terminal.shown() == without_trailing_blanks(part));
  REQUIRE((line.size() > view || start == 0));
  REQUIRE((start == 0 || s.terminal.cursor > 0));
  REQUIRE((!more || s.terminal.cursor < view - 1));
}

}  // namespace

TEST_CASE("keys") {
  Session s;
  CHECK(s.enter("status") == "status");
  CHECK(s.enter("stauts\b\b\btus") == "status");
  CHECK(s.enter("rubbish\x15" "banks") == "banks");
  CHECK(s.enter("anks\x01" "b") == "banks");
  CHECK(s.enter("call c1 get\x17\x17" "c2 get") == "call c2 get");
  CHECK(s.enter("bnks\x1b[D\x1b[D\x1b[Da") == "banks");
  CHECK(s.enter("banksX\x1b[D\x1b[3~") == "banks");
  CHECK(s.enter("anks\x1b[Hb\x1b[F!") == "banks!");
  CHECK(s.enter("banksX\x1b[D\x1b[3;5~") == "banks");
  CHECK(s.enter("anks\x1b[1~b\x1b[1;5F!") == "banks!");
  // Keys that mean nothing here: function keys, brackets around what is pasted, a mouse, Alt.
  CHECK(s.enter("ba\x1b[13~\x1b[D\x1b[13~\x1b[24~\x1b[24;2~\x1b[65~\x1b[68~\x1b[C\x1b[200~nks\x1b[201~!") == "banks!");
  CHECK(s.enter("ba\x1b[?25h\x1b[<0;7Mnks\x1bx") == "banks");
  // What controls the line does so in the middle of a sequence that never ends, too.
  CHECK(s.enter("banks\x1b") == "banks");
  CHECK(s.enter("x\x1b[1\x03" "banks\x1b\x1b[DX") == "bankXs");
  CHECK(s.enter("banks and more\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x0b") == "banks");
}

TEST_CASE("carriage return, line feed, and both together end one line") {
  Session s;
  CHECK(s.type("a\r") == Event::entered);
  s.editor->clear();
  CHECK(s.type("\n") == Event::none);
  CHECK(s.type("b\n") == Event::entered);
  s.editor->clear();
  CHECK(s.type("\n") == Event::entered);
}

TEST_CASE("history, and the line that was being typed") {
  Session s;
  s.enter("first");
  s.enter("second");
  s.enter("second");
  s.type("thi");
  s.type("\x1b[A");
  CHECK(s.editor->line() == "second");
  s.type("\x1b[A");
  CHECK(s.editor->line() == "first");
  s.type("\x1b[A");
  CHECK(s.editor->line() == "first");
  s.type("\x1b[B\x1b[B");
  CHECK(s.editor->line() == "thi");
  s.type("\x1b[B");
  CHECK(s.editor->line() == "thi");
  for (unsigned i = 0; i < 3 * LineHistory::capacity; ++i) s.enter("line " + std::to_string(i));
  CHECK(s.enter("\x1b[A") == "line " + std::to_string(3 * LineHistory::capacity - 1));
}

TEST_CASE("abandon, tab, and what is no text") {
  Session s;
  s.type("destroy everything");
  CHECK(s.type("\x03") == Event::abandoned);
  CHECK(s.editor->line().empty());
  s.type("ca");
  CHECK(s.type("\t") == Event::complete);
  CHECK(s.type("\x07\x1e") == Event::none);
  CHECK(s.editor->line() == "ca");
}

TEST_CASE("what is not ASCII is shown as one mark, and the line that has it is not to be run") {
  Session s;
  s.type("destroy c\xc3\xa9" "1 -y");
  CHECK(s.terminal.shown() == "destroy c?1 -y");
  CHECK(s.editor->fault() == LineEditor::Fault::not_ascii);
  s.type("\x1b[D\x1b[D\x1b[D\x1b[D\b");
  CHECK(s.editor->line() == "destroy c1 -y");
  CHECK(s.editor->fault() == LineEditor::Fault::none);
  s.type("\x15\xe2\x82\xac\xf0\x9f\x90\xa2\xe9" "x\x80");  // three bytes, four, one of Latin-1, and half a character
  CHECK(s.terminal.shown() == "???x?");
  s.enter("");
  CHECK(s.editor->fault() == LineEditor::Fault::none);
  s.type("\x1b[A");  // it is there to be corrected
  CHECK(s.editor->fault() == LineEditor::Fault::not_ascii);
}

TEST_CASE("a line that is too long says so until it is corrected, and is not remembered") {
  Session s;
  s.type(std::string(LineEditor::length_max, 'x'));
  CHECK(s.editor->fault() == LineEditor::Fault::none);
  s.type("y");
  CHECK(s.editor->fault() == LineEditor::Fault::too_long);
  s.type("\b");
  CHECK(s.editor->fault() == LineEditor::Fault::none);
  s.type("yy");
  s.enter("");
  CHECK(s.editor->fault() == LineEditor::Fault::none);
  CHECK(s.enter("\x1b[A").empty());
  s.type(std::string(LineEditor::length_max + 1, 'x'));
  CHECK(s.type("\x03") == Event::abandoned);
  CHECK(s.editor->fault() == LineEditor::Fault::none);
}

TEST_CASE("of a long line the part around the cursor is shown, and all of it when it is entered") {
  Session s;
  std::string line;
  for (unsigned i = 0; i < LineEditor::length_max - 1; ++i) {
    line += static_cast<char>('a' + i % 26);
    s.key(line.back());
    check_picture(s);
  }
  for (const char* key : {"\x1b[D", "\x1b[C", "\x01", "\x1b[C", "\x05"}) {
    for (unsigned i = 0; i < LineEditor::length_max + 1; ++i) {
      s.type(key);
      check_picture(s);
    }
  }
  for (unsigned i = 0; i < 70; ++i) s.type("\x1b[D");
  s.type("9");
  check_picture(s);
  s.type("\b");
  CHECK(s.enter("") == line);
  CHECK(s.terminal.last == line);
}

TEST_CASE("prompt, line and cursor are in one row, however long the prompt") {
  for (const size_t prompt_length : {size_t{1}, size_t{9}, size_t{19}, size_t{59}}) {
    Session s(prompt_length);
    CHECK(s.editor->view_length() == LineEditor::row_length - prompt_length);
    size_t longest = 0;
    for (unsigned i = 0; i < LineEditor::length_max; ++i) {
      s.key('x');
      check_picture(s);
      longest = std::max(longest, s.terminal.cells.size());
    }
    CHECK(longest == LineEditor::row_length - prompt_length);
  }
  CHECK(Session(200).editor->view_length() == LineEditor::view_length_min);
}

TEST_CASE("a line that is too long loses its end and nothing else") {
  Session s;
  s.type(std::string(LineEditor::length_max + 10, 'x'));
  CHECK(s.editor->line().size() == LineEditor::length_max);
  s.type("\x01\x7f" "y\x1b[A");
  CHECK(s.editor->line() == std::string(LineEditor::length_max, 'x'));
}

TEST_CASE("after a restart the line is shown as it was") {
  Session s;
  s.type("call c1 gt\x1b[D");
  TextBuffer<LineEditor::echo_length_max> echo;
  s.editor->show(9, echo);
  Terminal fresh;
  fresh.take(echo.text());
  CHECK(fresh.shown() == "call c1 gt");
  CHECK(fresh.cursor == s.editor->cursor());
}

TEST_CASE("random keys: the terminal shows the line") {
  const std::string_view keys[] = {"a", "b", " ", "word", "\b", "\x7f", "\x01", "\x05", "\x15",
                                   "\x0b", "\x17", "\x04", "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D",
                                   "\x1bOD", "\x1b[H", "\x1b[F", "\x1b[3~", "\x1b[1;5C", "\x10",
                                   "\x0e", "\x02", "\x06", "\x1bx", "\r", "\x03", "a longer text ", "\xc3\xbc",
                                   "a text as long as half of what is shown "};
  for (unsigned seed = 0; seed < 20; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    Session s;
    for (unsigned i = 0; i < 2000; ++i) {
      const Event event = s.type(keys[random() % std::size(keys)]);
      if (event == Event::entered) s.editor->clear();
      check_picture(s);
    }
  }
}
