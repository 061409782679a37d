/* SPDX-License-Identifier: MIT
 *
 * The part of QEMU's plugin interface, version 1, that machine_watch.c uses. QEMU's packages do
 * not bring the header. A QEMU without plugins, or with another version, says so when it starts. */
#ifndef PERDURE_QEMU_PLUGIN_H
#define PERDURE_QEMU_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#define QEMU_PLUGIN_VERSION_USED 1
enum { QEMU_PLUGIN_CB_NO_REGS = 0 };

typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info_t qemu_info_t;
struct qemu_plugin_tb; /* a block of instructions that are translated, and executed, together */
struct qemu_plugin_insn;

typedef void (*qemu_plugin_tb_trans_cb)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*qemu_plugin_vcpu_udata_cb)(unsigned int vcpu, void *data);
typedef void (*qemu_plugin_vcpu_simple_cb)(qemu_plugin_id_t id, unsigned int vcpu);
typedef void (*qemu_plugin_udata_cb)(qemu_plugin_id_t id, void *data);

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn); /* its bytes */
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, qemu_plugin_tb_trans_cb callback);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, qemu_plugin_vcpu_udata_cb callback,
                                          int flags, void *data);
void qemu_plugin_register_vcpu_idle_cb(qemu_plugin_id_t id, qemu_plugin_vcpu_simple_cb callback);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, qemu_plugin_udata_cb callback, void *data);

#endif
