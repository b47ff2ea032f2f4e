# SPDX-License-Identifier: GPL-2.0
"""A Linux guest for `kvmlet run` in a lab: Debian's own kernel, busybox, a process 1 of one's own,
and a disk.
"""
import os
import re
import shutil
import subprocess
import tempfile

import labinitrd
import labkernel

HERE = os.path.dirname(os.path.abspath(__file__))
RUNNER = os.path.join(os.path.dirname(os.path.dirname(HERE)), "build", "userspace", "kvmlet")
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


def run_host(driver, script, initrd, runs, options=()):
    """Boot a lab whose shell script runs guests, and says `host: run WORD` before each: one for each
    word of @runs. Returns the lab's status, what was said, and {word: what was said in its run}.
    """
    with tempfile.TemporaryDirectory(prefix="kvmlet-guest.") as folder:
        added = {RUNNER: "/bin/kvmlet", kernel(labkernel.release_of(None)): "/vmlinux",
                 script: "/host.sh",
                 **files(folder, {"/guest.cpio": initrd, "/cmdline": cmdline().encode()})}
        words = [os.path.join(HERE, "lab"), "run", "--driver", driver, "--mem", "768", "--cpu",
                 "broadwell_ult", "--limit", "900", *options,
                 *(word for path, there in added.items() for word in ("--add", f"{path}:{there}")),
                 "--", "sh", "/host.sh", f"/dev/{driver}", *runs]
        done = subprocess.run(words, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, text=True, errors="replace")
    said = done.stdout.replace("\r", "")
    parts = re.split(r"^host: run (\S+)\n", said, flags=re.M)
    return done.returncode, said, dict(zip(parts[1::2], parts[2::2]))


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
