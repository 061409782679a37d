// SPDX-License-Identifier: MIT
//
// Generation 0 against its description: is everything there, does every process hold what was said,
// would it run? And every rule of the object checks broken in turn, in memory: each must be found
// and named.
#include <catch2/catch.hpp>

#include "spacebank/interface.hpp"
#include "test/unit/tools/built_image.hpp"
#include "tools/bank_books.hpp"
#include "tools/new_image_reader.hpp"
#include "tools/tool_error.hpp"
#include "tools/verify_image.hpp"
#include "userland/runtime/layout.hpp"
#include "userland/runtime/recipe.hpp"

using namespace perdure;
using perdure::test::BuiltImage;

namespace {

// Processes in the order of the description; each is a frame.
enum : unsigned { bank_process, worker_process, asleep_process };

std::vector<std::string> findings_of(const BuiltImage& built) {
  Findings findings;
  (void)verify_frames(NewImageReader(built.image, built.system), findings);
  return findings.kept();
}

// What is found after a change; empty: nothing.
template <typename Change>
std::string finding_after(Change change) {
  BuiltImage built;
  change(built);
  const auto found = findings_of(built);
  return found.empty() ? "" : found.front();
}

Process& process(BuiltImage& built, unsigned which) { return built.object<Process>(Kind::process, which); }

const std::byte* page_at(const BuiltImage& built, const NewImageReader& reader, const Process& process,
                         uint64_t address) {
  (void)built;
  return reader.find<std::byte>(page_in_space(reader, process.space, layout::page_of(address)));
}

}  // namespace

TEST_CASE("what was built verifies") {
  BuiltImage built;
  CHECK(findings_of(built).empty());
  Findings findings;
  const NewImageReader reader(built.image, built.system);
  const Verification result = verify_frames(reader, findings);
  CHECK(result.banks == 2);
  CHECK(result.books_compared);
  CHECK(result.objects > 30);
}

TEST_CASE("a process begins at its entry point, with its stack, text and data") {
  BuiltImage built;
  const NewImageReader reader(built.image, built.system);
  const Process& worker = process(built, worker_process);
  CHECK(worker.registers.rip == 0x400000);
  CHECK(worker.registers.rsp == layout::initial_stack_pointer);
  CHECK(worker.registers.rdi == 77);
  CHECK(worker.registers.rflags == 0x202);
  CHECK(page_at(built, reader, worker, 0x400000)[0] == std::byte{0xeb});
  CHECK(page_at(built, reader, worker, 0x401000)[1] == std::byte{'i'});
  CHECK(page_at(built, reader, worker, 0x1000000)[2] == std::byte{3});
  CHECK(page_at(built, reader, worker, 0x1001000) == nullptr);  // bss: its keeper's
  CHECK(page_at(built, reader, worker, layout::stack_end - 1)[0] == std::byte{0});
  CHECK(page_at(built, reader, worker, layout::stack_end - 2 * 4096) != nullptr);
  CHECK(page_at(built, reader, worker, layout::stack_end - 3 * 4096) == nullptr);
  CHECK(page_at(built, reader, worker, 0) == nullptr);
}

TEST_CASE("without a space keeper every page is there") {
  BuiltImage built;
  const NewImageReader reader(built.image, built.system);
  const Process& bank = process(built, bank_process);
  for (uint64_t page = 0; page < 3; ++page) {
    CHECK(page_at(built, reader, bank, 0x1000000 + page * 4096) != nullptr);
  }
  CHECK(page_at(built, reader, bank, layout::arena_start) != nullptr);
  CHECK(page_at(built, reader, bank, layout::arena_start + bank::arena_bytes(built.geometry.frames) - 1) != nullptr);
  CHECK(page_at(built, reader, bank, layout::arena_start + bank::arena_bytes(built.geometry.frames)) == nullptr);
}

TEST_CASE("text is shared, data is not, and nothing is both writable and executable") {
  BuiltImage built;
  const NewImageReader reader(built.image, built.system);
  const auto at = [&](unsigned which, uint64_t address) {
    return page_in_space(reader, process(built, which).space, layout::page_of(address));
  };
  CHECK(same_authority(at(bank_process, 0x400000), at(worker_process, 0x400000)));
  CHECK(at(bank_process, 0x1000000).object != at(worker_process, 0x1000000).object);
  CHECK(at(worker_process, 0x400000).restrictions == restriction::read_only);
  CHECK(at(worker_process, 0x401000).restrictions == (restriction::read_only | restriction::no_execute));
  CHECK(at(worker_process, 0x1000000).restrictions == restriction::no_execute);
  CHECK(at(worker_process, layout::stack_end - 1).restrictions == restriction::no_execute);
  CHECK(at(bank_process, layout::arena_start).restrictions == restriction::no_execute);
}

TEST_CASE("everybody holds what the description says") {
  BuiltImage built;
  const NewImageReader reader(built.image, built.system);
  const Process& bank = process(built, bank_process);
  const Process& worker = process(built, worker_process);
  const Capability& range = bank.capability_registers[bank_register::range];
  CHECK(range.type == CapabilityType::range);
  CHECK(range.payload == built.geometry.frames);

  const auto* facet = reader.find<Wrapper>(worker.capability_registers[3]);
  REQUIRE(facet);
  CHECK(worker.capability_registers[3].type == CapabilityType::wrapped);
  CHECK(facet->payload == bank_facet_payload(2, 0));
  CHECK(facet->target.type == CapabilityType::entry);
  CHECK(facet->target.payload == bank_entry_payload);
  CHECK(reader.find<Endpoint>(facet->target)->receiver.object == ObjectId::of(built.frame_of(Kind::process, bank_process)));

  const auto* service = reader.find<Endpoint>(worker.capability_registers[4]);
  REQUIRE(service);
  CHECK(service->id == 7);
  CHECK(service->flags == Endpoint::flag_had_receiver);
  const auto* front = reader.find<Wrapper>(worker.capability_registers[5]);
  REQUIRE(front);
  CHECK(front->payload == 9);
  CHECK(front->flags == Wrapper::flag_hand_over);
  CHECK(front->target.payload == 3);
  CHECK(worker.capability_registers[7].restrictions == (restriction::read_only | restriction::weak));
  CHECK(worker.brand.payload == 12);
  CHECK(worker.keeper.type == CapabilityType::entry);
  const auto* root = reader.find<Node>(worker.space);
  REQUIRE(root);
  CHECK(root->keeper.payload == 1);
  const auto* pocket = reader.find<Wrapper>(root->slots[layout::pocket_slot]);
  REQUIRE(pocket);
  CHECK(pocket->payload == bank_facet_payload(2, bank_restriction::may_not_destroy));
}

TEST_CASE("a recipe has what program_start reads") {
  BuiltImage built;
  const NewImageReader reader(built.image, built.system);
  const Capability recipes = process(built, worker_process).capability_registers[6];
  const Capability recipe = reader.find<Capability>(recipes)[0];
  CHECK(recipe.restrictions == restriction::read_only);
  CHECK(reader.find<Capability>(recipes)[1].is_void());
  const auto* slots = reader.find<Capability>(recipe);
  REQUIRE(slots);
  CHECK(slots[recipe::revision_slot].payload == recipe::revision_word);
  CHECK(slots[recipe::name_slot].payload == 0x656c6469);  // "idle"
  CHECK(slots[recipe::name_slot + 1].payload == 0);
  CHECK(slots[recipe::entry_point_slot].payload == 0x400000);
  CHECK(slots[recipe::text_slot].type == CapabilityType::node);
  CHECK(slots[recipe::template_count_slot].payload == 1);
  CHECK(slots[recipe::data_pages_slot].payload == 3);
  CHECK(slots[recipe::stack_pages_slot].payload == 3);
  CHECK(slots[recipe::least_limit_slot].payload == 0);
  CHECK(reader.find<std::byte>(slots[recipe::first_template_slot])[0] == std::byte{1});
  CHECK(slots[recipe::first_template_slot + 1].is_void());
}

TEST_CASE("who runs has an activity, and nobody else") {
  BuiltImage built;
  CHECK(process(built, bank_process).control.state == ProcessState::running);
  CHECK(process(built, worker_process).control.state == ProcessState::running);
  CHECK(process(built, asleep_process).control.state == ProcessState::stopped);
  CHECK(process(built, asleep_process).control.activity.is_void());
  CHECK(built.system.next_ticket == 3);
  CHECK(built.system.first_activity_row.value != 0);
}

TEST_CASE("a store that is too small, a bank that may not buy enough, are told") {
  CHECK_THROWS_WITH(BuiltImage(test::small_description, 128 + 48 + 30), Catch::Contains("cannot buy a") && Catch::Contains("--size"));
  std::string poor = test::small_description;
  poor.replace(poor.find("limit 100"), 9, "limit 4");
  CHECK_THROWS_WITH(BuiltImage(poor), Catch::Contains("bank 'sub' cannot buy a") && Catch::Contains("limit"));
}

TEST_CASE("a program that does not keep to the layout is told") {
  const auto refused = [](uint64_t address, uint32_t flags) {
    test::SmallElf elf({{.address = 0x400000, .flags = PF_R | PF_X, .bytes = {1}},
                        {.address = address, .flags = flags, .bytes = {1}}});
    try {
      read_program("x", elf.contents());
    } catch (const ToolError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(refused(0x1000000, PF_R | PF_W).empty());
  CHECK(refused(0x4ff000, PF_R).empty());
  CHECK(refused(0x500000, PF_R).find("256 pages") != std::string::npos);
  CHECK(refused(0x2000000, PF_R | PF_W).find("data must lie") != std::string::npos);
  CHECK(refused(0x500000, PF_R | PF_W).find("data must lie") != std::string::npos);
  CHECK(refused(0x1000000 + 112 * 4096, PF_R | PF_W).find("initialized data") != std::string::npos);
}

TEST_CASE("broken rows are found") {
  CHECK(finding_after([](BuiltImage& b) { b.object<RowHeader>(Kind::process); }) == "");
  const auto header = [](BuiltImage& b, Kind kind) -> RowHeader& {
    return *reinterpret_cast<RowHeader*>(b.image.frame(b.frame_of(kind)).bytes.data());
  };
  CHECK(finding_after([&](BuiltImage& b) { header(b, Kind::notice).kind = Kind::wrapper; })
            .find("header names another kind") != std::string::npos);
  CHECK(finding_after([&](BuiltImage& b) { header(b, Kind::notice).layout_revision = 9; })
            .find("another layout") != std::string::npos);
  CHECK(finding_after([&](BuiltImage& b) { header(b, Kind::notice).allocated |= uint64_t{1} << 63; })
            .find("objects that it cannot hold") != std::string::npos);
  CHECK(finding_after([&](BuiltImage& b) { header(b, Kind::notice).allocated |= 2; })
            .find("map and a version disagree") != std::string::npos);
  CHECK(finding_after([&](BuiltImage& b) { header(b, Kind::notice).allocated = 0; })
            .find("map and a version disagree") != std::string::npos);
  CHECK(finding_after([&](BuiltImage& b) { row_object<Notice>(reinterpret_cast<std::byte*>(&header(b, Kind::notice)), 60)->spare = 1; })
            .find("free, but not zero") != std::string::npos);
  CHECK(finding_after([&](BuiltImage& b) { header(b, Kind::notice).next = {1}; })
            .find("stands in the restart list") != std::string::npos);
  CHECK(finding_after([&](BuiltImage& b) { b.object<Notice>(Kind::notice).version.value += 100; })
            .find("above its frame's source") != std::string::npos);
  CHECK(finding_after([&](BuiltImage& b) {
          b.object<Endpoint>(Kind::endpoint, 0, 1).version = b.object<Endpoint>(Kind::endpoint, 0, 0).version;
        }).find("same version") != std::string::npos);
}

TEST_CASE("broken capabilities are found, wherever they stand") {
  const auto in_register = [](auto change) {
    return finding_after([&](BuiltImage& b) { change(process(b, worker_process).capability_registers[4]); });
  };
  CHECK(in_register([](Capability& c) { c.hint = 1; }).find("volatile bytes") != std::string::npos);
  CHECK(in_register([](Capability& c) { c.type = static_cast<CapabilityType>(200); }).find("no known type") != std::string::npos);
  CHECK(in_register([](Capability& c) { c.type = CapabilityType::process; }).find("process capability that names endpoint") != std::string::npos);
  CHECK(in_register([](Capability& c) { c.version.value += 100; }).find("newer than its frame's version source") != std::string::npos);
  CHECK(in_register([](Capability& c) { c.version = {}; }).find("a version and no object, or the reverse") != std::string::npos);
  CHECK(in_register([](Capability& c) { c.object = ObjectId::of({uint64_t{1} << 50}); }).find("beyond the store") != std::string::npos);
  CHECK(in_register([](Capability& c) { c.flags = 1; }).find("unknown flags") != std::string::npos);
  CHECK(in_register([](Capability& c) { c = {.type = CapabilityType::range, .payload = 1 << 30}; }).find("reaches beyond") != std::string::npos);
  CHECK(in_register([](Capability& c) { c = {.payload = 1}; }).find("not all zero") != std::string::npos);
  CHECK(in_register([](Capability& c) { c.version.value -= 1; }) == "");  // void is legal
  CHECK(finding_after([](BuiltImage& b) { b.object<Node>(Kind::node).slots[5].type = static_cast<CapabilityType>(99); })
            .find("(node): a capability is of no known type") != std::string::npos);
  CHECK(finding_after([](BuiltImage& b) { b.object<Endpoint>(Kind::endpoint).receiver.type = CapabilityType::page; })
            .find("an endpoint's receiver is no process") != std::string::npos);
  CHECK(finding_after([](BuiltImage& b) { b.object<Notice>(Kind::notice).receiver.type = CapabilityType::page; })
            .find("a notice's receiver is no process") != std::string::npos);
  // Well-formed, existing, and of the wrong type for its slot.
  const auto page_in = [](auto slot_of) {
    return finding_after([&](BuiltImage& b) {
      slot_of(process(b, worker_process)) = b.image.capability_to(b.frame_of(Kind::page), 0);
    });
  };
  CHECK(page_in([](Process& p) -> Capability& { return p.schedule; }).find("a process's schedule is none") != std::string::npos);
  CHECK(page_in([](Process& p) -> Capability& { return p.keeper; }).find("a process's keeper is no program") != std::string::npos);
  CHECK(page_in([](Process& p) -> Capability& { return p.control.activity; }).find("bound to what is no activity") != std::string::npos);
  CHECK(page_in([](Process& p) -> Capability& { return p.capability_registers[0]; }).find("register 0 is not void") != std::string::npos);
  CHECK(page_in([](Process& p) -> Capability& { return p.brand; }) == "");
  CHECK(finding_after([](BuiltImage& b) { process(b, worker_process).space.type = CapabilityType::page; })
            .find("space: page capability") != std::string::npos);
}

TEST_CASE("a process that is lost or doubled is found (ONE-ACTIVITY)") {
  const auto activity = [](BuiltImage& b) -> Activity& { return b.image.object<Activity>(process(b, worker_process).control.activity); };
  CHECK(finding_after([&](BuiltImage& b) { activity(b).runnable = 0; }).find("runs, but its activity does not") != std::string::npos);
  CHECK(finding_after([&](BuiltImage& b) { activity(b).runnable = 2; }).find("half runnable") != std::string::npos);
  CHECK(finding_after([&](BuiltImage& b) { activity(b).awaits_deadline = 1; }).find("runnable and awaits a deadline") != std::string::npos);
  CHECK(finding_after([&](BuiltImage& b) {
          activity(b).runnable = 0;
          activity(b).awaits_deadline = 1;
          process(b, worker_process).control.state = ProcessState::waiting;
        }).find("awaits a deadline of a call that is none") != std::string::npos);
  CHECK(finding_after([&](BuiltImage& b) { activity(b).ticket = 99; }).find("never drawn") != std::string::npos);
  CHECK(finding_after([&](BuiltImage& b) { activity(b).ticket = 1; }).find("same ticket") != std::string::npos);
  CHECK(finding_after([&](BuiltImage& b) { activity(b).process_version.value = 77; }).find("another process") != std::string::npos);
  CHECK(finding_after([&](BuiltImage& b) { process(b, worker_process).control.state = ProcessState::receiving; })
            .find("does not run, but its activity does") != std::string::npos);
  CHECK(finding_after([&](BuiltImage& b) { process(b, asleep_process).control.state = ProcessState::waiting; })
            .find("started, but has no activity") != std::string::npos);
  CHECK(finding_after([&](BuiltImage& b) { process(b, worker_process).control.state = static_cast<ProcessState>(9); })
            .find("no known state") != std::string::npos);
  CHECK(finding_after([&](BuiltImage& b) {
          process(b, asleep_process).control.state = ProcessState::running;
          process(b, asleep_process).control.activity = process(b, worker_process).control.activity;
        }).find("bound to another process") != std::string::npos);
  CHECK(finding_after([&](BuiltImage& b) {
          process(b, worker_process).control.state = ProcessState::stopped;
          process(b, worker_process).control.activity = {};
        }).find("runnable, but its process is bound to another") != std::string::npos);
}

TEST_CASE("a broken restart list is found") {
  const auto row = [](BuiltImage& b, unsigned n) -> RowHeader& {
    return *reinterpret_cast<RowHeader*>(b.image.frame(b.frame_of(Kind::activity, n)).bytes.data());
  };
  const auto is_found = [&](auto change) { return finding_after(change).find("restart list: not whole") != std::string::npos; };
  CHECK(is_found([](BuiltImage& b) { b.system.first_activity_row = {}; }));
  CHECK(is_found([](BuiltImage& b) { b.system.first_activity_row = {1}; }));
  CHECK(is_found([](BuiltImage& b) { b.system.last_activity_row = b.system.first_activity_row; }));
  CHECK(is_found([&](BuiltImage& b) { row(b, 0).next = {}; }));
  CHECK(is_found([&](BuiltImage& b) { row(b, 1).previous = {}; }));
  CHECK(is_found([&](BuiltImage& b) { row(b, 1).next = b.frame_of(Kind::activity, 0); }));
  const std::string both = finding_after([](BuiltImage& b) { b.system.first_activity_row = b.system.last_activity_row = {}; });
  CHECK(both.find("not in the restart list") != std::string::npos);
}

TEST_CASE("books that do not agree with the frames are found") {
  CHECK(finding_after([](BuiltImage& b) { b.image.frame(b.frame_of(Kind::page)).identity.account = {2}; })
            .find("has account 2, but the bank's books say 1") != std::string::npos);
  CHECK(finding_after([](BuiltImage& b) {  // the worker's data
          const NewImageReader reader(b.image, b.system);
          const Capability page = page_in_space(reader, process(b, worker_process).space, layout::page_of(layout::data_start));
          rescind(b.image.frame(page.object.frame()).identity);
        }).find("holds a empty, but the bank's books say page") != std::string::npos);
  CHECK(finding_after([](BuiltImage& b) {
          make_whole(b.image.frame({b.geometry.frames - 1}).identity, Kind::page, {1});
        }).find("the bank's books say empty") != std::string::npos);
  CHECK(finding_after([](BuiltImage& b) {
          NewImage::Frame& row = b.image.frame(b.frame_of(Kind::notice));
          make_in_row(row.identity, row.bytes.data(), 50);
        }).find("than the bank has sold") != std::string::npos);
  CHECK(finding_after([](BuiltImage& b) {
          const NewImageReader reader(b.image, b.system);
          const Capability books = page_in_space(reader, process(b, bank_process).space, layout::page_of(layout::arena_start));
          b.image.object<PageBytes>(books)[offsetof(bank::ArenaHeader, free_frames)] ^= std::byte{1};
        }).find("the bank's books: ") != std::string::npos);
}

TEST_CASE("the smallest image: no bank server, no books") {
  const BuiltImage built("program idle\nbank root\nschedule s\nprocess idle\n  program idle\n  schedule s\n");
  Findings findings;
  const Verification result = verify_frames(NewImageReader(built.image, built.system), findings);
  CHECK(findings.is_empty());
  CHECK_FALSE(result.has_bank_server);
  CHECK(result.banks == 0);
}
