#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A refused VM entry is explained as the emulator explains it: field by field.

fault/entry runs in a lab and spoils one entry after the other. Each has a line in the emulator's
log, in the same order, and that line must speak of the field which vmx/hw/explain named. TAP.
"""
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import tap                                                              # noqa: E402

REPO = os.path.dirname(os.path.dirname(HERE))
LAB = os.path.join(REPO, "selftests", "lab", "lab")
PROGRAM = os.path.join(REPO, "build", "fault", "entry")
LEAST = 25                      # fields, live

# What the emulator calls a field. Where one line serves two fields, both have it.
WORDS = {
    "PIN_BASED_VM_EXEC_CONTROL": r"pin-based controls|virtual NMI control",
    "CPU_BASED_VM_EXEC_CONTROL": r"proc-based controls",
    "SECONDARY_VM_EXEC_CONTROL": r"secondary controls|unrestricted guest without EPT",
    "CR3_TARGET_COUNT": r"CR3 targets",
    "MSR_BITMAP": r"MSR bitmap phy addr",
    "EPT_POINTER": r"invalid EPTPTR",
    "VIRTUAL_PROCESSOR_ID": r"guest VPID == 0",
    "VM_EXIT_CONTROLS": r"vmexit controls",
    "VM_ENTRY_CONTROLS": r"vmentry controls",
    "VM_ENTRY_INTR_INFO_FIELD": r"VMENTRY (bad injected event (type|vector)|"
                                r"broken interruption info field|injected event vector)",
    "HOST_CR0": r"host state invalid CR0",
    "HOST_CR3": r"host state invalid CR3",
    "HOST_CR4": r"host state invalid CR4",
    "HOST_CS_SELECTOR": r"host CS selector",
    "HOST_SS_SELECTOR": r"host segreg 2 ",
    "HOST_TR_SELECTOR": r"host TR selector",
    "HOST_RIP": r"host RIP",
    "HOST_IA32_PAT": r"host MSR_PAT",
    "HOST_IA32_EFER": r"host EFER",
    "GUEST_RFLAGS": r"RFLAGS",
    "GUEST_CR0": r"guest invalid CR0",
    "GUEST_CR3": r"guest invalid CR3",
    "GUEST_CR4": r"guest invalid CR4",
    "GUEST_DR7": r"guest invalid DR7",
    "GUEST_CS_AR_BYTES": r"guest CS not present",
    "GUEST_SS_AR_BYTES": r"guest SS\.TYPE",
    "GUEST_DS_AR_BYTES": r"guest DS not ACCESSED",
    "GUEST_ES_AR_BYTES": r"guest ES not segment",
    "GUEST_TR_AR_BYTES": r"guest incorrect TR type",
    "GUEST_TR_SELECTOR": r"guest TR\.TI",
    "GUEST_GDTR_LIMIT": r"GDTR/IDTR limit",
    "GUEST_IDTR_BASE": r"IDTR/IDTR\.BASE",
    "GUEST_IA32_PAT": r"guest MSR_PAT",
    "GUEST_IA32_EFER": r"guest EFER",
    "VMCS_LINK_POINTER": r"link pointer",
    "GUEST_ACTIVITY_STATE": r"guest activity state",
    "GUEST_INTERRUPTIBILITY_INFO": r"guest interruptibility state",
    "GUEST_PENDING_DBG_EXCEPTIONS": r"guest tmpDR6",
}
WORDS.update({f"HOST_{r}_BASE": f"host {r} BASE" for r in ("FS", "GS", "TR", "GDTR", "IDTR")})
WORDS.update({f"GUEST_{r}_BASE": rf"guest {r}\.BASE" for r in ("CS", "FS", "TR")})
for register in ("ESP", "EIP"):
    WORDS[f"HOST_IA32_SYSENTER_{register}"] = f"host SYSENTER_{register}_MSR"
    WORDS[f"GUEST_SYSENTER_{register}"] = f"guest SYSENTER_{register}_MSR"


def expected():
    """The number of failures that the program's own directive tells the lab."""
    with open(os.path.join(HERE, "entry.c"), encoding="utf-8") as f:
        return re.search(r"lab: .*(--expect entry-failure=\d+)", f.read()).group(1).split()


def run():
    """(status, the program's lines, the emulator's reasons, standard error) of one lab."""
    with tempfile.TemporaryDirectory() as folder:
        reasons = os.path.join(folder, "reasons")
        done = subprocess.run(
            (LAB, "run", "--limit", "300", "--param", "test=1", *expected(), "--entry-failures",
             reasons, "--add", f"{PROGRAM}:/bin/entry", "--", "/bin/entry", "/dev/kvmlet"),
            check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        lines = []
        if os.path.exists(reasons):
            with open(reasons, encoding="utf-8") as f:
                lines = f.read().splitlines()
    return done.returncode, done.stdout.splitlines(), lines, done.stderr.splitlines()


def explained(lines):
    """Of each failure, in order: the fields that the explanation names."""
    found = []
    for line in lines:
        if line.startswith("# planted "):
            found.append(set())
        elif line.startswith("# found ") and found:
            found[-1].add(line.split()[2])
    return found


def main():
    report = tap.Writer()
    print("TAP version 13")
    status, lines, reasons, errors = run()
    report.ok(status == 0, "the lab saw the failures that were planted, and no other",
              errors[-12:] + [line for line in lines if line.startswith("not ok")])
    found = explained(lines)
    report.ok(len(found) == len(reasons), "each failure has the emulator's reason",
              [f"{len(found)} failures, {len(reasons)} reasons"])
    for fields, reason in zip(found, reasons):
        name = " ".join(sorted(fields)) or "nothing"
        report.ok(len(fields) == 1 and re.search(WORDS.get(name, "$^"), reason),
                  f"{name}: {reason}")
    fields = {name for names in found for name in names}
    report.ok(len(fields) >= LEAST, f"at least {LEAST} fields were compared", [str(len(fields))])
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
