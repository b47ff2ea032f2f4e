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

# Internal, by a full RELEASE; FLAGS go to the kernel's build, INTO is where it happens.
INTO	= $(BUILD)/$(RELEASE)

module-for:
	@$(ROOT)/scripts/farm $(INTO)
	@headers=$$($(ROOT)/scripts/kver --headers $(RELEASE)) && \
		$(MAKE) --no-print-directory $(JOBS) -C $$headers M=$(INTO) $(FLAGS) modules

userspace:
	@$(MAKE) --no-print-directory $(JOBS) -C $(ROOT)/userspace

.PHONY: all module module-lab module-for userspace
