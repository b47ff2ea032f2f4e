/* SPDX-License-Identifier: GPL-2.0 */
/*
 * `kvmlet run`: a small machine around one guest kernel.
 */
#ifndef KVMLET_USERSPACE_RUN_H
#define KVMLET_USERSPACE_RUN_H

int cmd_run(int argc, char **argv);

#endif
