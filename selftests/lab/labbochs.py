# SPDX-License-Identifier: GPL-2.0
"""Bochs: its configuration, one run of it, and the report that the lab's process 1 sends.

The report comes on Bochs' standard output (port 0xe9) as frames, see agent.c; whatever is not a
frame is the debugger talking. Bochs swallows SIGTERM and ends by SIGKILL; SIGINT stops the machine
and gives the debugger its turn, which is how a hang is asked where it hangs.
"""
import ctypes
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import time
import tty

import labbuild
import labmodels
import labnewer
import labverdict
from labimage import touch_blocks
from labkernel import LabError

FRAME_MARK = 0x01
IPS_ONE, IPS_MANY = 100_000_000, 20_000_000
HOST_MEM_MOST = 2048            # MiB that Bochs has at once; the rest of a guest's goes to a file
TICKS_LIMIT = 60_000            # millions; idle time passes at no cost and counts too
GRACE = 5                       # seconds that a stopped emulator has to say where it was
BIOS = "/usr/share/bochs/BIOS-bochs-latest"
VGABIOS = "/usr/share/bochs/VGABIOS-lgpl-latest"
END_OF_FILE = b"\x04"           # what a terminal's user types for it
ON_THE_WAY = 255                # bytes of input that the agent has not taken yet: see agent.c
ESCAPE = b"\x1d"                # Ctrl-]: leaves an interactive lab
CLONE_NEWNET, CLONE_NEWUSER, PR_SET_PDEATHSIG = 0x40000000, 0x10000000, 1

CONFIG = """\
plugin_ctrl: unmapped=true, biosdev=true, speaker=false, extfpuirq=true, parallel=false, \
serial=true, gameport=false, iodebug=true, e1000=false, es1370=false, sb16=false
display_library: rfb, options="timeout=0"
config_interface: textconfig
memory: guest={mem}, host={host}
romimage: file={bios}
vgaromimage: file={vgabios}
optromimage1: file=loader.rom, address=0xd0000
optramimage1: file=ram, address=0x100000
ata0: enabled=0
ata1: enabled=0
boot: floppy
log: bochs.log
panic: action=fatal
error: action=report
info: action=report
debug: action=ignore
cpu: model={model}, count={smp}, ips={ips}, reset_on_triple_fault={resets}
cpu: ignore_bad_msrs={linux}{msrs}
clock: sync={sync}, time0=1000000000
com1: enabled=1, mode=file, dev=console
com2: enabled=1, {com2}
port_e9_hack: enabled=1
magic_break: enabled={marks}
pci: enabled=1, chipset=i440fx
"""
# What the debugger does between two marks (`xchg %bx,%bx`), and how often it may.
TRACED, MOST_TRACED = "c\ntrace on\nc\ntrace off\n", 4096
MOST_RESETS = 1000              # each stops in the debugger, too


class Machine:
    """What to emulate; the RAM image lies in folder/ram already and ends at top."""

    def __init__(self, folder, model, smp, mem, top):
        self.folder, self.model, self.smp, self.mem, self.top = folder, model, smp, mem, top
        self.ips = IPS_ONE if smp == 1 else IPS_MANY
        self.msrs = ()              # addresses of MSRs that shall hold what is written
        self.resets = False         # by a triple fault, which ends the run otherwise
        self.trace = None           # the path of a file for what is executed between two marks

    def write_config(self, com2, sync, ticks):
        config = CONFIG.format(bios=BIOS, vgabios=VGABIOS, mem=self.mem,
                               host=min(self.mem, HOST_MEM_MOST), model=self.model,
                               smp=self.smp, ips=self.ips, com2=com2, sync=sync,
                               resets=int(self.resets), linux=int(not self.resets),
                               marks=int(bool(self.trace)),
                               msrs=", msrs=msrs" if self.msrs else "")
        stop = f"sba {ticks}000000\n" if ticks else ""
        look = "r\nprint-stack 256\n"
        others = "".join(f"set $cpu = {n}\n{look}" for n in range(1, self.smp))
        go = TRACED * MOST_TRACED if self.trace else "c\n" * (MOST_RESETS if self.resets else 1)
        commands = touch_blocks(self.top) + stop + go + look + others + "q\n"
        msrs = "".join(f"{address:#x} 0" + " 0" * 6 + "\n" for address in self.msrs)
        for name, text in (("bochsrc", config), ("commands", commands), ("msrs", msrs)):
            with open(os.path.join(self.folder, name), "w", encoding="ascii") as f:
                f.write(text)

    def read(self, name):
        try:
            with open(os.path.join(self.folder, name), encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""


class Outcome:
    """What a run reported; labverdict.judge() weighs it."""

    def __init__(self):
        self.boot_lines = 0         # how many lines of kmsg are the boot's own
        self.kmsg, self.console, self.bochs_log, self.bochs_err = [], "", "", ""
        self.load_error = None
        self.limit = None           # which limit ended the run
        self.modules = {}           # where each loaded module's code is, by path
        self.stop_state = []        # the processor's registers then, as the debugger words them
        self.stop_trace = []        # its instruction pointer, and what lay on its stack
        self.complete = False       # the agent reported to the end
        self.wait_status = None
        self.missing = []
        self.began = self.ended = 0         # TSC
        self.power_on = time.monotonic()
        self.began_wall = 0.0               # seconds from power-on to COMMAND

    def host_log(self, boot=True):
        """The host's log: what the agent forwarded, and what only reached the console."""
        seen = set(re.sub(r"^\[ *[\d.]+\] ", "", line) for line in self.kmsg)
        late = [line for line in self.console.splitlines()
                if line.strip() and re.sub(r"^\[ *[\d.]+\] ", "", line) not in seen]
        return self.kmsg[0 if boot else self.boot_lines:] + late

    def died(self):
        """A panic ends in a triple fault, which the emulator is told to stop at."""
        return "with no resolution" in self.bochs_err + self.bochs_log

    def emulator_reason(self):
        found = re.search(r"Bochs is exiting with the following message:\n(.*)", self.bochs_err)
        panic = re.findall(r"\d+p\[.*", self.bochs_log)
        words = found.group(1) if found else panic[-1] if panic else "no reason given"
        return f"emulator: {words.strip()}"

    def ticks(self):
        """Instructions (with idle time) from power-on to the end."""
        stamps = re.findall(r"^(\d{11,})[a-z]\[", self.bochs_log, re.M)
        return int(stamps[-1]) if stamps else 0


class Report:
    """Takes the emulator's output apart and hands the frames' contents on."""

    def __init__(self, outcome, streams, files):
        self.outcome, self.streams, self.files = outcome, streams, files
        self.buffer, self.stray = bytearray(), bytearray()
        self.started = False
        self.trace = None               # a file for all that is no frame
        self.taken = 0                  # bytes of the user's input that have arrived
        self.target = None

    def feed(self, data):
        self.buffer += data
        while self.buffer:
            if self.buffer[0] != FRAME_MARK:
                mark = self.buffer.find(FRAME_MARK)
                end = mark if mark >= 0 else len(self.buffer)
                if self.trace:
                    self.trace.write(self.buffer[:end])
                else:
                    self.stray += self.buffer[:end]
                del self.buffer[:end]
                continue
            if len(self.buffer) < 4:
                return
            kind, length = chr(self.buffer[1]), self.buffer[2] | self.buffer[3] << 8
            if len(self.buffer) < 4 + length:
                return
            content = bytes(self.buffer[4:4 + length])
            del self.buffer[:4 + length]
            self.take(kind, content)

    def take(self, kind, content):
        out = self.outcome
        if kind in self.streams:
            write_all(self.streams[kind], content)
        elif kind == "S":
            self.started = True
            out.boot_lines = len(out.kmsg)
        elif kind == "K":
            text = content.decode(errors="replace")
            out.kmsg += labverdict.readable(text.rstrip("\n")).split("\n")
        elif kind == "I":
            self.taken += content[0]
        elif kind == "A":
            module, _, address = content.decode().partition(": ")
            out.modules[module] = int(address, 16)
        elif kind == "L":
            out.load_error = content.decode(errors="replace")
        elif kind == "B":
            out.began, = struct.unpack("<Q", content)
            out.began_wall = time.monotonic() - out.power_on
        elif kind == "X":
            out.ended, out.wait_status = struct.unpack("<QQ", content)
        elif kind == "Z":
            out.complete = True
        else:
            self.take_file(kind, content)

    def take_file(self, kind, content):
        if self.target and kind in "GM":
            self.target.close()
            self.target = None
        if kind == "G":
            self.target = open(self.files[content.decode()], "wb")
        elif kind == "D" and self.target:
            self.target.write(content)
        elif kind == "M":
            self.outcome.missing.append(content.decode(errors="replace"))

    def close(self):
        self.stray += self.buffer       # a frame cut short when the machine stopped
        if self.trace:
            self.trace.close()
        if self.target:
            self.target.close()


def write_all(fd, data):
    while data:
        data = data[os.write(fd, data):]


def prepare_child(parent, libc):
    """In the child: die with the lab, and listen to no network (Bochs' display is a VNC server)."""
    if libc.unshare(CLONE_NEWNET):
        libc.unshare(CLONE_NEWUSER | CLONE_NEWNET)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def start(machine):
    """Start Bochs with its report on a pipe; returns the process.

    All that Bochs reads lies in its folder, under names without a character that it or the loader
    would take for a separator.
    """
    shutil.copy(labbuild.loader(), os.path.join(machine.folder, "loader.rom"))
    shutil.copy(labbuild.detrand(), os.path.join(machine.folder, "detrand.so"))
    libc, parent = ctypes.CDLL(None), os.getpid()
    program, settings = ("bochs-bin",), {"LD_PRELOAD": "./detrand.so"}
    if machine.model in labmodels.NEWER:
        program, settings = labnewer.command(machine.model)
    env = dict(os.environ, LC_ALL="C", **settings)
    with open(os.path.join(machine.folder, "stderr"), "wb") as err:
        try:
            return subprocess.Popen(
                (*program, "-q", "-f", "bochsrc", "-rc", "commands"), cwd=machine.folder,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=err, env=env,
                start_new_session=True, preexec_fn=lambda: prepare_child(parent, libc))
        except FileNotFoundError:
            raise LabError("bochs: no such program here; `make setup` installs it") from None


class Keyboard:
    """The user's input on its way to COM2, by a pseudo terminal; raw while it lasts."""

    def __init__(self, source):
        self.source = source
        self.near, self.far = pty.openpty()
        self.pending, self.ended = b"", False
        self.room = ON_THE_WAY
        tty.setraw(self.far)
        os.set_blocking(self.near, False)
        self.saved = tty.tcgetattr(source) if os.isatty(source) else None

    def com2(self):
        return f"mode=term, dev={os.ttyname(self.far)}"

    def __enter__(self):
        if self.saved:
            tty.setraw(self.source)
        return self

    def __exit__(self, *_):
        if self.saved:
            tty.tcsetattr(self.source, tty.TCSADRAIN, self.saved)
        os.close(self.near)
        os.close(self.far)

    def wants(self):
        """(files to read, files to write): what is on its way holds the user's input up."""
        if self.pending:
            return [], [self.near] if self.room else []
        return ([] if self.ended else [self.source]), []

    def read(self):
        self.pending = os.read(self.source, 256)
        self.ended = not self.pending
        if self.saved and ESCAPE in self.pending:
            raise KeyboardInterrupt
        self.pending = self.pending or END_OF_FILE

    def write(self):
        written = os.write(self.near, self.pending[:self.room])
        self.pending = self.pending[written:]
        self.room -= written


def follow(process, report, limit, keyboard):
    """Read the report until Bochs ends; names the wall limit when it passes."""
    deadline, stopped = time.monotonic() + limit if limit else None, None
    while True:
        typing = keyboard and report.started
        readers, writers = keyboard.wants() if typing else ([], [])
        left = max(0, deadline - time.monotonic()) if deadline else None
        ready, free, _ = select.select(readers + [process.stdout], writers, [], left)
        if process.stdout in ready:
            data = os.read(process.stdout.fileno(), 1 << 16)
            if not data:
                return stopped
            report.feed(data)
        if typing:
            keyboard.room += report.taken
            report.taken = 0
        if typing and keyboard.source in ready:
            keyboard.read()
        if free:
            keyboard.write()
        if deadline and time.monotonic() >= deadline:
            if stopped:
                return stopped
            stopped = f"wall time limit of {limit:g} s passed"
            process.send_signal(signal.SIGINT)
            deadline = time.monotonic() + GRACE


def stop_trace(words):
    """The instruction pointer and the words on the stack, as the debugger prints them."""
    halves = (re.findall(r"^rip: (\w+)_(\w+)", words, re.M) +
              re.findall(r"^ \| STACK \w+ \[0x(\w+):0x(\w+)\]", words, re.M))
    return [int(high + low, 16) for high, low in halves]


def run(machine, streams, files, limit, ticks, keyboard=None):
    """Run the machine to its end and return the Outcome; no process is left, however it ends."""
    outcome = Outcome()
    report = Report(outcome, streams, files)
    if keyboard:
        machine.write_config(keyboard.com2(), "slowdown", ticks)
    else:
        machine.write_config("mode=file, dev=com2", "none", ticks)
    if machine.trace:
        report.trace = open(machine.trace, "wb")
    process = start(machine)
    try:
        outcome.limit = follow(process, report, limit, keyboard)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        report.close()
    outcome.console = machine.read("console")
    outcome.bochs_log, outcome.bochs_err = machine.read("bochs.log"), machine.read("stderr")
    stray = report.stray.decode(errors="replace")
    if not outcome.limit and "Caught time breakpoint" in stray:
        outcome.limit = f"emulated time limit of {ticks} M instructions passed"
    if outcome.limit:
        outcome.stop_state = re.findall(r"^(?:rip|rsp|eflags).*", stray, re.M)
        outcome.stop_trace = stop_trace(stray)
    return outcome
