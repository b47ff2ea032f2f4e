# SPDX-License-Identifier: GPL-2.0
"""A Linux guest for `kvmlet run` in a lab: Debian's own kernel, busybox, a process 1 of one's own,
and a disk.
"""
import os
import shutil
import tempfile

import labinitrd
import labkernel

SBIN = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
MKE2FS = ("-q", "-t", "ext4", "-b", "1024", "-E",
          "root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0")

# Why each: messages would cost more than the rest of the boot; the others are boot time.
CMDLINE = ("console=ttyS0 loglevel=3 panic=-1 mitigations=off rodata=off init_on_alloc=0 "
           "cryptomgr.notests nokaslr")
# Initcalls that cost the guest time and a test nothing.
NOT_CALLED = ("load_system_certificate_list", "ftrace_check_for_weak_functions", "trace_eval_init",
              "init_blk_tracer", "init_kprobe_trace", "tracer_init_tracefs",
              "cubictcp_register", "bpf_key_sig_kfuncs_init", "kfunc_init",
              "bpf_prog_test_run_init", "bpf_tcp_ca_kfunc_init", "bpf_rstat_kfunc_init")


def cmdline():
    return f"{CMDLINE} initcall_blacklist={','.join(NOT_CALLED)}"


def kernel(release):
    return labkernel.guest_vmlinux(release)


def tree(init, release, modules):
    """The root file system; /modules/order names the modules, each behind those that it needs."""
    found = labinitrd.base_tree()
    order = labkernel.guest_modules(release, modules)
    for name, data in order:
        found.put(f"/modules/{name}.ko", data)
    found.put("/modules/order", "".join(name + "\n" for name, _data in order).encode())
    with open(init, "rb") as f:
        found.put("/init", f.read(), 0o755)
    return found


def files(folder, contents):
    """{path here: path there} of {path there: content}, which @folder gets."""
    for name, content in contents.items():
        with open(folder + name, "wb") as f:
            f.write(content)
    return {folder + name: name for name in contents}


def program(name):
    """The path of a program for administrators."""
    found = shutil.which(name, path=SBIN)
    if not found:
        raise labkernel.LabError(f"{name}: no such program here; `make setup` installs it")
    return found


def make_image(path, megabytes, *options, content=None):
    """An image of a disk with an ext4 file system, in which is a Tree."""
    with tempfile.TemporaryDirectory() as folder:
        if content:
            content.write(folder)
        labkernel.tool(program("mke2fs"), *MKE2FS, *options, "-d", folder, path, f"{megabytes}M")
