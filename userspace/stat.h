/* SPDX-License-Identifier: GPL-2.0 */
/*
 * `kvmlet stat`: what the virtual machines of this host do, live.
 */
#ifndef KVMLET_USERSPACE_STAT_H
#define KVMLET_USERSPACE_STAT_H

int cmd_stat(int argc, char **argv);

#endif
