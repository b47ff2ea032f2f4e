# SPDX-License-Identifier: GPL-2.0
# `make help` says what there is. Everything that is built lands in build/.

ROOT	:= $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
BUILD	:= $(ROOT)/build
KVER	?=
LAB	:= $(ROOT)/selftests/lab/lab
# Two at a time, unless the caller's make says how many.
JOBS	= $(if $(findstring jobserver,$(MAKEFLAGS)),,-j2)

# The release to build for, as a recipe's shell asks for it: it is not known before `make setup`.
RELEASE	= $$($(ROOT)/scripts/kver $(KVER))

all: module userspace

# --- build -------------------------------------------------------------------------------------

module:
	@release=$(RELEASE) && $(MAKE) --no-print-directory module-for RELEASE=$$release

module-lab:
	@release=$$($(ROOT)/scripts/kver --lab) && \
		$(MAKE) --no-print-directory module-for RELEASE=$$release

module-debug:
	@release=$$($(ROOT)/scripts/kver --debug) && \
		$(MAKE) --no-print-directory module-for RELEASE=$$release

# Internal, by a full RELEASE; FLAGS go to the kernel's build, INTO is where it happens. BTF needs
# the kernel's vmlinux, which no package of headers has.
INTO	= $(BUILD)/$(RELEASE)

module-for:
	@$(ROOT)/scripts/farm $(INTO)
	@headers=$$($(ROOT)/scripts/kver --headers $(RELEASE)) && \
		$(MAKE) --no-print-directory $(JOBS) -C $$headers M=$(INTO) \
			CONFIG_DEBUG_INFO_BTF_MODULES= $(FLAGS) modules

userspace:
	@$(MAKE) --no-print-directory $(JOBS) -C $(ROOT)/userspace

# --- use ---------------------------------------------------------------------------------------

setup:
	@$(ROOT)/scripts/setup $(if $(HOST),--host) $(if $(CHECK),--check) $(if $(DEBUG),--debug)

demo:
	@$(ROOT)/scripts/setup
	@$(MAKE) --no-print-directory -s module-lab userspace
	@[ -z "$(HOST)" ] || ! $(BUILD)/userspace/kvmlet caps >/dev/null || { \
		$(ROOT)/scripts/setup --host && \
		$(MAKE) --no-print-directory -s module KVER=$$(uname -r); } || true
	@$(ROOT)/selftests/guest/demo/demo $(if $(HOST),--host) $(if $(SHELL_WANTED),--shell)

check:
	@$(ROOT)/scripts/setup --check $(if $(DEBUG),--debug)
	@$(ROOT)/selftests/run $(if $(DEBUG),--with-debug) $(TESTS)

check-debug:
	@$(ROOT)/scripts/setup --debug
	@$(ROOT)/selftests/run --debug $(TESTS)

fuzz:
	@$(ROOT)/scripts/setup
	@$(MAKE) --no-print-directory -s module-lab
	@$(MAKE) --no-print-directory -s $(JOBS) -C $(ROOT)/selftests
	@$(ROOT)/selftests/fuzz/campaign

# Some hours on a busy machine.
campaign-state:
	@$(ROOT)/scripts/setup
	@$(MAKE) --no-print-directory -s module-lab userspace
	@$(MAKE) --no-print-directory -s $(JOBS) -C $(ROOT)/selftests
	@$(ROOT)/selftests/state/campaign

campaign-memory:
	@$(ROOT)/scripts/setup
	@$(MAKE) --no-print-directory -s module-lab
	@$(MAKE) --no-print-directory -s $(JOBS) -C $(ROOT)/selftests
	@$(ROOT)/selftests/memory/campaign

campaign-machine:
	@$(ROOT)/scripts/setup
	@$(MAKE) --no-print-directory -s module-lab userspace
	@$(MAKE) --no-print-directory -s $(JOBS) -C $(ROOT)/selftests
	@$(ROOT)/selftests/machine/campaign

bench:
	@$(ROOT)/scripts/setup
	@$(MAKE) --no-print-directory -s module-lab
	@$(MAKE) --no-print-directory -s $(JOBS) -C $(ROOT)/selftests
	@$(ROOT)/selftests/bench/bench
	@$(ROOT)/selftests/bench/bench --model corei7_skylake_x --mitigations off --param apicv=0

# SEED and N: N random programs from SEED on, instead of the list.
compare:
	@$(ROOT)/scripts/setup
	@$(MAKE) --no-print-directory -s module-lab
	@$(MAKE) --no-print-directory -s $(JOBS) -C $(ROOT)/selftests
	@$(ROOT)/selftests/compare/compare \
		$(if $(SEED)$(N),--random $(or $(SEED),1) $(or $(N),1000))

style:
	@$(ROOT)/scripts/setup --check >/dev/null
	@$(ROOT)/scripts/style

loc:
	@$(ROOT)/scripts/loc

clean:
	rm -rf $(BUILD)

# SHELL is make's own variable: only the one of the command line asks for the guest's shell.
SHELL_WANTED := $(if $(filter command line,$(origin SHELL)),$(SHELL))
override SHELL := /bin/sh
MAKEOVERRIDES := $(filter-out SHELL=%,$(MAKEOVERRIDES))

# --- install -----------------------------------------------------------------------------------

VERSION	:= 0
DKMS	= $(DESTDIR)/usr/src/kvmlet-$(VERSION)

install: all
	@release=$(RELEASE) && \
	install -D -m 644 $(BUILD)/$$release/kvmlet.ko \
		$(DESTDIR)/lib/modules/$$release/updates/kvmlet.ko && \
	{ [ "$(DESTDIR)" ] || depmod $$release; }
	install -D -m 755 $(BUILD)/userspace/kvmlet $(DESTDIR)/usr/local/bin/kvmlet
	install -D -m 644 $(ROOT)/install/kvmlet.conf $(DESTDIR)/etc/modprobe.d/kvmlet.conf
	install -D -m 644 $(ROOT)/install/60-kvmlet.rules \
		$(DESTDIR)/etc/udev/rules.d/60-kvmlet.rules
	install -D -m 644 $(ROOT)/install/dkms.conf $(DKMS)/dkms.conf
	cd $(ROOT) && cp -r Kbuild include mmu uapi vmx $(DKMS)/

uninstall:
	@release=$(RELEASE) && rm -f $(DESTDIR)/lib/modules/$$release/updates/kvmlet.ko && \
	{ [ "$(DESTDIR)" ] || depmod $$release; }
	rm -f $(DESTDIR)/usr/local/bin/kvmlet $(DESTDIR)/etc/modprobe.d/kvmlet.conf \
		$(DESTDIR)/etc/udev/rules.d/60-kvmlet.rules
	rm -rf $(DKMS)

help:
	@echo "kvmlet: a KVM you can read"
	@echo
	@echo "  make                 build the module and the program kvmlet"
	@echo "  make KVER=...        for another kernel: a series X.Y or a release (uname -r)"
	@echo "  make module-lab      build the module for the lab's kernel"
	@echo "  make setup           install what is missing (CHECK=1: for check, style)"
	@echo "  make demo            boot a Linux guest under kvmlet in the lab"
	@echo "  make demo SHELL=1    and leave me at its shell"
	@echo "  make demo HOST=1     on this machine, if its processor can"
	@echo "  make check           every test; TESTS=PATTERN: those whose name holds it"
	@echo "  make check DEBUG=1   and on the debug host: KASAN, lockdep, kmemleak once a boot"
	@echo "  make check-debug     on the debug host alone: kmemleak after each program"
	@echo "  make fuzz            a million ioctls and a million hostile guests, by chance"
	@echo "  make campaign-state  a Linux guest saved and restored fifty times, two processors"
	@echo "  make campaign-memory a million pages checked while the host takes them away"
	@echo "  make campaign-machine SMP guests, interrupts, disks on one and two processors"
	@echo "  make bench           what an exit costs, beside upstream; minutes"
	@echo "  make compare         guest programs on kvmlet and upstream; by chance: SEED=n N=n"
	@echo "  make style           the rules of form"
	@echo "  make loc             lines of code of the module"
	@echo "  make install         module, program, DKMS, modprobe and udev files (DESTDIR=...)"
	@echo "  make uninstall       take them away"
	@echo "  make clean           remove build/"

.PHONY: all module module-lab module-debug module-for userspace setup demo check check-debug \
	fuzz campaign-machine campaign-memory campaign-state bench compare style loc clean install \
	uninstall help
