# SPDX-License-Identifier: GPL-2.0
"""What stands between a guest and the host's secrets is in the code that runs, and on its switch.

Two views. In the module's file, for each kernel that it was built for, with the alternatives of a
feature applied: so is seen what no processor of the lab has. In the lab, the code that the kernel
patched as it loaded the module, read through /proc/kcore, and the words of the kernel's pages on
vulnerabilities. TAP. Documentation/security.rst says which protection is for what.
"""
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import mitigations_code as code                                         # noqa: E402
import tap                                                              # noqa: E402

REPO = os.path.dirname(os.path.dirname(HERE))
LAB = os.path.join(REPO, "selftests", "lab", "lab")
MODEL = "corei7_skylake_x"      # has MDS, L1TF, Spectre v2 and MMIO stale data
LIVE = "vmx_enter", "mitigate_enter", "flush_l1d"
ZEROED = ("eax ecx edx ebp esi edi r8d r9d r10d r11d r12d r13d r14d r15d").split()

RSB = "mov $0x10,%rcx"          # RSB_CLEAR_LOOPS is 32, two a round
SPEC_CTRL, PRED_CMD, FLUSH_CMD = "mov $0x48,%ecx", "mov $0x49,%ecx", "mov $0x10b,%ecx"
MMIO_KEYS = "mmio_stale_data_clear", "cpu_buf_vm_clear"        # one key, by two names
HOST_VALUE = "<x86_spec_ctrl_current>"
RETURN = "<__x86_return_thunk>", "ret"


def said(*argv):
    """Standard output of a command."""
    return subprocess.run(argv, check=False, capture_output=True, text=True).stdout


def places(way, *wanted):
    """Where texts stand on a way, each after the one before; None if not so."""
    found, start = [], 0
    for text in wanted:
        hits = [i for i in range(start, len(way)) if text in way[i]]
        if not hits:
            return None
        found.append(hits[0])
        start = hits[0] + 1
    return found


def until(way, name):
    """The part of a way before an instruction, without the instructions that do nothing."""
    ends = [i for i, text in enumerate(way) if text.split()[0] == name]
    part = way[:ends[0]] if ends else []
    return [text for text in part if not text.startswith(("nop", "xchg %ax,%ax"))]


def has_any(way, *texts):
    """Does one of the texts stand on it?"""
    return any(text in line for line in way for text in texts)


def decides(way):
    """Is there a conditional jump?"""
    return any(text.startswith(("je ", "jne ")) for text in way)


def returns(way):
    """Does it end in a return?"""
    return bool(way) and any(text in way[-1] for text in RETURN)


# --- the module's file -------------------------------------------------------------------------

class Build:
    """The module for one kernel, and that kernel's numbers of features."""

    def __init__(self, release, path):
        self.release, self.module = release, code.Module(path)
        command = os.path.join(os.path.dirname(path), "vmx", "hw", ".entry.o.cmd")
        with open(command, encoding="utf-8") as f:
            self.features = code.features(re.search(r"\S+/asm/cpufeatures\.h", f.read()).group())
        self.exit = self.module.symbol("vmx_exit")[1] - self.module.symbol("vmx_enter")[1]

    def code(self, function, *names, keys=()):
        """A function as it runs where these features and static keys are set and no other."""
        has = {self.features["X86_FEATURE_" + name] for name in ("ALWAYS",) + names}
        return self.module.code(function, has, keys)

    def entry(self, *names, taken=()):
        """From vmx_enter() to the entry instruction."""
        way = self.code("vmx_enter", *names).path(0, taken)
        return until(way, "vmlaunch" if "jae" in taken else "vmresume")

    def left(self, *names, taken=()):
        """From the VM exit to vmx_enter()'s return."""
        return self.code("vmx_enter", *names).path(self.exit, taken)


def entry_cases(build, ok):
    """Before VMRESUME and VMLAUNCH."""
    bare = build.entry()
    ok(bare and not has_any(bare, "verw", "wrmsr", "call"),
       "without a feature no protection costs an entry anything", bare)
    for taken, name in (((), "VMRESUME"), (("jae",), "VMLAUNCH")):
        way = build.entry("CLEAR_CPU_BUF", taken=taken)
        ok([text.split()[0] for text in way[-2:]] == ["verw", "jae"],
           f"CLEAR_CPU_BUF: VERW is the last before the choice of {name}", way[-4:])
    way = build.entry("MSR_SPEC_CTRL")
    ok(places(way, HOST_VALUE, SPEC_CTRL, "wrmsr"),
       "MSR_SPEC_CTRL: the guest's value is written if it is not the host's", way)
    ok(not has_any(way[places(way, "wrmsr")[0]:] if has_any(way, "wrmsr") else ["call"],
                   "call", "ret", "jmp *"),
       "MSR_SPEC_CTRL: no branch that is predicted stands between that and the entry", way)


def exit_cases(build, ok):
    """After a VM exit, up to the first return."""
    bare = build.left()
    first = next((i for i, t in enumerate(bare) if t.split()[0] in ("jmp", "call", "ret")), 0)
    zeroed = [re.sub(r".*%", "", text) for text in bare[:first] if text.startswith("xor ")]
    ok(set(ZEROED) <= set(zeroed), "no register keeps a value that the guest chose", bare)
    ok(returns(bare) and not has_any(bare, "wrmsr", "lfence", "call"),
       "without a feature no protection costs an exit anything", bare)
    way = build.left("RSB_VMEXIT")
    ok(places(way, RSB, "call", "call", "add $0x10,%rsp", "jne", "lfence") and returns(way),
       "RSB_VMEXIT: the return stack buffer is filled before the first return", way)
    way = build.left("RSB_VMEXIT_LITE")
    ok(places(way, "call", "add $0x8,%rsp", "lfence") and returns(way) and not has_any(way, RSB),
       "RSB_VMEXIT_LITE: one call is retired before the first return", way)
    way = build.left("MSR_SPEC_CTRL")
    ok(places(way, HOST_VALUE, "je", SPEC_CTRL, "wrmsr", "lfence") and returns(way),
       "MSR_SPEC_CTRL: the host's value is back before the first return, then LFENCE", way)
    way = build.left("MSR_SPEC_CTRL", taken=("je",))
    ok(places(way, HOST_VALUE, "lfence") and not has_any(way, "wrmsr") and returns(way),
       "MSR_SPEC_CTRL: LFENCE stands there, too, if the values are the same", way)
    way = build.left("MSR_SPEC_CTRL", "KERNEL_IBRS", taken=("je",))
    ok(places(way, HOST_VALUE, SPEC_CTRL, "wrmsr", "lfence") and returns(way),
       "KERNEL_IBRS: the host's value is written even if it is the same", way)
    way = build.left("MSR_SPEC_CTRL", "RSB_VMEXIT", "CLEAR_BHB_LOOP_ON_VMEXIT")
    ok(places(way, RSB, "wrmsr", "lfence", "<clear_bhb_loop>") and returns(way),
       "CLEAR_BHB_LOOP_ON_VMEXIT: the branch history is cleared after all that", way)


def caller_cases(build, ok):
    """What C does around the entry."""
    way = build.code("enter_guest").reached()
    ok(places(way, "<mitigate_enter>", "<vmx_enter>", "<mitigate_left>"),
       "each entry stands between mitigate_enter() and mitigate_left()", way)
    way = build.code("flush_l1d", "LFENCE_RDTSC").reached()
    ok(places(way, "0x10000", "add $0x1000,", "lfence", "0x10000", "$0x40,", "lfence")
       and not has_any(way, FLUSH_CMD), "without FLUSH_L1D 64 KiB are read, line by line", way)
    way = build.code("flush_l1d", "FLUSH_L1D").path()
    ok(places(way, FLUSH_CMD, "wrmsr") and returns(way),
       "FLUSH_L1D: the processor flushes its L1D cache", way)
    way, bare = (build.code("vmcs_load_anew", *f).reached() for f in (("USE_IBPB",), ()))
    ok(places(way, PRED_CMD, "wrmsr", "vmptrld") and not has_any(bare, "wrmsr"),
       "USE_IBPB: another VMCS is loaded after a branch prediction barrier", way)
    way, bare = (build.code("mitigate_left", *f).reached() for f in (("IBPB_EXIT_TO_USER",), ()))
    ok(has_any(way, "<x86_ibpb_exit_to_user>") and not has_any(bare, "<x86_ibpb_exit_to_user>"),
       "IBPB_EXIT_TO_USER: an exit asks for a barrier before the monitor runs", way)


def flush_cases(build, ok):
    """mitigate_enter(), by its static keys."""
    bare = build.code("mitigate_enter").reached()
    ok(returns(bare) and not has_any(bare, "<flush_l1d>", "verw") and not decides(bare),
       "no key: mitigate_enter() does nothing", bare)
    way = build.code("mitigate_enter", keys=("l1d_flush",)).reached()
    ok(has_any(way, "<flush_l1d>") and decides(way), "l1d_flush: it flushes when it has to", way)
    way = build.code("mitigate_enter", keys=("l1d_flush", "l1d_flush_always")).reached()
    ok(has_any(way, "<flush_l1d>") and not decides(way),
       "l1d_flush_always: it flushes whatever was", way)
    way = build.code("mitigate_enter", keys=MMIO_KEYS).reached()
    ok(has_any(way, "verw") and decides(until(way, "verw")) and not has_any(way, "<flush_l1d>"),
       "MMIO stale data alone: it runs VERW for guests with devices", way)


# --- the lab -----------------------------------------------------------------------------------

# Prints WORD lines of the pages on vulnerabilities while there is a VM, which $2 makes, and a CODE
# line: $1 bytes of the section.
SCRIPT = r"""
part()
{
	dd if=/proc/kcore iflag=skip_bytes,count_bytes skip="$1" count="$2" 2>/dev/null
}

"$2" /dev/kvmlet 3000 >/dev/null &
sleep 1
grep "" /sys/devices/system/cpu/vulnerabilities/* | sed "s|.*vulnerabilities/|WORD |"
address=$(($(cat /sys/module/kvmlet/sections/.noinstr.text)))
headers=$(part 56 2 | od -An -t u2)
part 64 $((headers * 56)) | od -An -v -t x8 -w56 |
while read -r kind offset virtual _physical size _rest; do
	inside=$((address - 0x$virtual))
	[ "${kind#????????}" = 00000001 ] && [ $inside -ge 0 ] && [ $inside -lt $((0x$size)) ] &&
		part $((0x$offset + inside)) "$1" | od -An -v -t x1 | tr -d ' \n' |
			sed "s/.*/CODE $address &\n/"
done
"""


class Host:
    """A booted lab with kvmlet loaded: words of vulnerabilities, code as it was patched."""

    def __init__(self, build, *options):
        section, _offset, _size = build.module.symbol("vmx_enter")
        length = build.module.elf.headers[section][5]
        self.out = said(LAB, "run", "--limit", "200", "--cpu", MODEL, *options, "--add",
                        f"{REPO}/build/guest/busy:/t/busy", "--",
                        "sh", "-c", SCRIPT, "sh", str(length), "/t/busy")
        self.words = dict(re.findall(r"^WORD (\w+):(.*)$", self.out, re.M))
        found = re.search(r"^CODE (-?\d+) (\w+)$", self.out, re.M)
        self.codes = self.functions(build, *found.groups()) if found else {}
        self.exit = build.exit

    @staticmethod
    def functions(build, address, digits):
        """{name: code} of what the section at an address holds."""
        base, data = int(address) % (1 << 64), bytes.fromhex(digits)
        found = {f: build.module.symbol(f)[1:] for f in LIVE}
        names = {base + offset: f for f, (offset, _size) in found.items()}
        return {f: code.Code(data[offset:offset + size], base + offset, {}, names)
                for f, (offset, size) in found.items()}

    def says(self, page, text):
        """Does the kernel's page on a vulnerability say so?"""
        return text in self.words.get(page, "")

    def entry(self):
        """From vmx_enter() to VMRESUME."""
        return until(self.codes["vmx_enter"].path() if self.codes else [], "vmresume")

    def left(self):
        """From the VM exit to vmx_enter()'s return."""
        return self.codes["vmx_enter"].path(self.exit) if self.codes else []

    def flush(self):
        """All of mitigate_enter() that can be reached."""
        return self.codes["mitigate_enter"].reached() if self.codes else []


def lab_cases(build, ok):
    """The same code in a running kernel, with all switches at their default, others, and off."""
    host = Host(build, "--mitigations", "default")
    ok(set(host.codes) == set(LIVE), "default: the lab shows the code", host.out.splitlines())
    ok(host.says("mds", "Clear CPU buffers") and has_any(host.entry()[-2:], "verw"),
       "default: a host with MDS runs VERW before a guest", [host.words] + host.entry())
    ok(host.says("spectre_v2", "RSB filling") and places(host.left(), RSB, "call", "lfence"),
       "default: a host with Spectre v2 fills the return stack buffer", host.left())
    ok(host.says("l1tf", "VMX: conditional cache flushes")
       and has_any(host.flush(), "<flush_l1d>") and decides(host.flush()),
       "default: a host with L1TF flushes the L1D cache when it has to", host.flush())
    ok(host.says("itlb_multihit", "KVM: Mitigation"),
       "default: a host with ITLB multihit has no large pages for guests", [host.words])

    host = Host(build, "--mitigations", "default", "--cmdline",
                "l1tf=full mds=off tsx_async_abort=off mmio_stale_data=off "
                "reg_file_data_sampling=off spectre_v2=off")
    ok(host.says("mds", "Vulnerable") and host.entry() and not has_any(host.entry(), "verw"),
       "mds=off and its kin: no VERW", [host.words] + host.entry())
    ok(host.says("spectre_v2", "Vulnerable") and host.left() and not has_any(host.left(), RSB),
       "spectre_v2=off: the return stack buffer is left alone", host.left())
    ok(host.says("l1tf", "VMX: cache flushes") and has_any(host.flush(), "<flush_l1d>")
       and not decides(host.flush()),
       "l1tf=full: the L1D cache is flushed at each entry", host.flush())

    host = Host(build, "--mitigations", "off")
    ok(host.says("l1tf", "VMX: vulnerable") and host.flush()
       and not has_any(host.flush(), "<flush_l1d>"),
       "mitigations=off: no flush of the L1D cache", [host.words] + host.flush())
    ok(host.entry() and host.left()
       and not has_any(host.entry() + host.left(), "verw", "wrmsr", "lfence", "call"),
       "mitigations=off: nothing of all this costs an entry or an exit",
       host.entry() + host.left())


def main():
    report = tap.Writer()
    print("TAP version 13")
    own = said(LAB, "release").strip()
    paths = {r: os.path.join(REPO, "build", r, "kvmlet.ko")
             for r in [own] + said(os.path.join(REPO, "scripts", "kver"), "--others").split()}
    paths[own] = os.environ.get("KVMLET_KO") or paths[own]
    builds = [Build(r, path) for r, path in paths.items() if r == own or os.path.exists(path)]
    for build in builds:
        for cases in entry_cases, exit_cases, caller_cases, flush_cases:
            cases(build, lambda holds, name, details=(), release=build.release:
                  report.ok(holds, f"{release}: {name}", details))
    lab_cases(builds[0], report.ok)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
