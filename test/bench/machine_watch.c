/* SPDX-License-Identifier: MIT
 *
 * A plugin of QEMU that watches from outside which half of the address space is executed in. It
 * costs the machine nothing, and needs nothing of the kernel but that all of it lies in the upper
 * half, and runs with interrupts off except behind an STI:
 *
 *   restart   instructions from the kernel's first one to a program's first one
 *   longest   the most instructions between two of programs (or of halting, or up to an STI): so
 *             long interrupts were off
 *
 * Arguments: out=FILE, entry=ADDRESS of the kernel's first instruction. When QEMU ends, FILE
 * holds a line `restart COUNT`, a line `longest COUNT`, and after each of them a line
 * `ADDRESS COUNT` for each block of instructions that took part in it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu_plugin.h"

#define KERNEL_HALF (UINT64_C(1) << 47)
#define BLOCKS_MAX (1 << 20)

__attribute__((visibility("default"))) int qemu_plugin_version = QEMU_PLUGIN_VERSION_USED;

struct block {
  uint64_t address;
  uint64_t length;
  int lets_interrupts_in;  /* its last instruction is STI, which ends a block of QEMU's */
  uint64_t run;     /* the stretch in which it was last executed */
  uint64_t count;   /* instructions of it in that stretch */
  uint64_t result;  /* the same of the stretch that is to be told */
};

/* Firmware; the kernel's first instructions, in the lower half; the rest of its start; for good. */
enum phase { firmware, entered, recovering, running };

static struct block *blocks[BLOCKS_MAX];
static size_t block_count;
static enum phase phase = firmware;
static uint64_t entry, run = 1, run_length, longest;
static FILE *out;

static void keep_blocks_of_run(void) {
  for (size_t i = 0; i < block_count; ++i) {
    blocks[i]->result = blocks[i]->run == run ? blocks[i]->count : 0;
  }
}

static void tell(const char *name, uint64_t count) {
  fprintf(out, "%s %" PRIu64 "\n", name, count);
  for (size_t i = 0; i < block_count; ++i) {
    if (blocks[i]->result != 0) fprintf(out, "%#" PRIx64 " %" PRIu64 "\n", blocks[i]->address, blocks[i]->result);
  }
}

static void end_run(void) {
  if (phase == running && run_length > longest) {
    longest = run_length;
    keep_blocks_of_run();
  }
  ++run;
  run_length = 0;
}

static void begin_at_entry(void) {
  phase = entered;
  ++run;
  run_length = 0;
}

/* A program's block ends a stretch; the first one of all ends the start. */
static void program_runs(void) {
  if (phase == recovering) {
    keep_blocks_of_run();
    tell("restart", run_length);
    phase = running;
    longest = 0;
    ++run;
    run_length = 0;
  } else if (run_length != 0) {
    end_run();
  }
}

static void executed(unsigned int vcpu, void *data) {
  (void)vcpu;
  struct block *block = data;
  const int in_kernel_half = block->address >= KERNEL_HALF;
  if (block->address == entry) begin_at_entry();
  if (phase == firmware) return;
  if (phase == entered && in_kernel_half) phase = recovering;
  if (phase != entered && !in_kernel_half) {
    program_runs();
    return;
  }
  if (block->run != run) {
    block->run = run;
    block->count = 0;
  }
  block->count += block->length;
  run_length += block->length;
  if (block->lets_interrupts_in && phase == running) end_run();
}

static void halted(qemu_plugin_id_t id, unsigned int vcpu) {
  (void)id, (void)vcpu;
  if (phase == running && run_length != 0) end_run();
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb) {
  (void)id;
  struct block *block = calloc(1, sizeof(*block));
  if (block == NULL || block_count == BLOCKS_MAX) {
    fprintf(stderr, "machine_watch: too many blocks\n");
    exit(1);
  }
  block->address = qemu_plugin_tb_vaddr(tb);
  block->length = qemu_plugin_tb_n_insns(tb);
  const struct qemu_plugin_insn *last = qemu_plugin_tb_get_insn(tb, block->length - 1);
  block->lets_interrupts_in = *(const unsigned char *)qemu_plugin_insn_data(last) == 0xfb;
  blocks[block_count++] = block;
  qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, QEMU_PLUGIN_CB_NO_REGS, block);
}

static void ended(qemu_plugin_id_t id, void *data) {
  (void)id, (void)data;
  end_run();
  tell("longest", longest);
  fclose(out);
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id,
                                                               const qemu_info_t *info, int argc,
                                                               char **argv) {
  (void)info;
  for (int i = 0; i < argc; ++i) {
    if (strncmp(argv[i], "out=", 4) == 0) out = fopen(argv[i] + 4, "w");
    if (strncmp(argv[i], "entry=", 6) == 0) entry = strtoull(argv[i] + 6, NULL, 0);
  }
  if (out == NULL || entry == 0) return 1;
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_vcpu_idle_cb(id, halted);
  qemu_plugin_register_atexit_cb(id, ended, NULL);
  return 0;
}
