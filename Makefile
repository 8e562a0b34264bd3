# drvdom: one Makefile, GNU make.   make help   lists the targets.
MODE   ?= debug
B      := build/$(MODE)
GEN    := build/gen
CC     ?= gcc
PREFIX ?= /usr/local

# --- the house: rooms, ground floor first -----------------------------------------------------
# ROOM.dir: where its files are (every *.c but main.c goes into the room's archive);
# ROOM.uses: the rooms below it.  This table drives the link lines and the include lint.
ROOMS := base xen schema blk nbd net front blkfront netfront image drvdomd init guard tools

base.dir      := transport/base
xen.dir       := transport/xen
schema.dir    := xenstore-schema
blk.dir       := backends/blk
nbd.dir       := backends/nbd
net.dir       := backends/net
front.dir     := frontends/common
blkfront.dir  := frontends/blk
netfront.dir  := frontends/net
image.dir     := driver-domain/image
drvdomd.dir   := driver-domain/drvdomd
init.dir      := driver-domain/init
guard.dir     := dom0-tools/guard
tools.dir     := dom0-tools

base.uses     :=
xen.uses      := base
schema.uses   := xen base
blk.uses      := schema xen base
nbd.uses      := blk schema xen base
net.uses      := schema xen base
front.uses    := schema xen base
blkfront.uses := front schema xen base
netfront.uses := front schema xen base
image.uses    := base
drvdomd.uses  := blk net schema xen base
init.uses     := image xen base
guard.uses    := schema xen base
tools.uses    := guard image schema xen base

# --- programs: PROGRAM.room holds its main.c; PROGRAM.libs are Debian's libraries --------------
XENLIBS := -lxengnttab -lxenevtchn -lxenstore -lxentoolcore
PROGRAMS := drvdomd drvdom-blkback drvdom-nbdback drvdom-netback drvdom-blkfront drvdom-netfront drvdom-init drvdom drvdom-guard

drvdomd.room          := drvdomd
drvdomd.libs          := $(XENLIBS) -lseccomp -lz
drvdom-blkback.room   := blk
drvdom-blkback.libs   := $(XENLIBS) -luring -lseccomp -lz
drvdom-nbdback.room   := nbd
# libnbd.a and the room's archive need each other: uri.c
drvdom-nbdback.libs   := $(XENLIBS) -luring -lseccomp -lz -l:libnbd.a $(B)/lib/nbd.a -lgnutls
drvdom-netback.room   := net
drvdom-netback.libs   := $(XENLIBS) -luring -lseccomp -lz
drvdom-blkfront.room  := blkfront
drvdom-blkfront.libs  := $(XENLIBS)
drvdom-netfront.room  := netfront
drvdom-netfront.libs  := $(XENLIBS)
drvdom-init.room      := init
drvdom-init.libs      :=
drvdom-guard.room     := guard
drvdom-guard.libs     := -lxenlight -lxentoollog $(XENLIBS) -lz
drvdom.room           := tools
drvdom.libs           := -lkmod -llzma -lz -lzstd $(XENLIBS) -lxenctrl -lm

# Debian 12 packages: to build, to check, and to run the rig.
DEPS_BUILD := gcc make pkg-config libc6-dev libxen-dev liburing-dev libnbd-dev libgnutls28-dev zlib1g-dev libseccomp-dev \
              libkmod-dev kmod liblzma-dev libzstd-dev check
DEPS_CHECK := clang clang-format clang-tidy shellcheck jq spin
DEPS_RIG   := qemu-system-x86 qemu-utils cpio xz-utils zstd kmod binutils
DEPS_BENCH := qemu-system-xen
DEPS       := $(DEPS_BUILD) $(DEPS_CHECK) $(DEPS_RIG) $(DEPS_BENCH)

# --- flags --------------------------------------------------------------------------------------
WARN   := -Wall -Wextra -Wshadow -Wconversion -Wmissing-prototypes -Wstrict-prototypes \
          -Wformat=2 -Wvla -Wundef -Werror
HARDEN := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection \
          -fcf-protection -ftrivial-auto-var-init=zero
flags.debug   := -Og -g
flags.release := -O2 -g $(HARDEN)
flags.asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
# TSan does not model fences; the ring's shared words are atomics and its slots are ordered by them.
flags.tsan    := -O1 -g -fsanitize=thread $(if $(findstring clang,$(CC)),,-Wno-tsan)
ifeq ($(flags.$(MODE)),)
$(error MODE=$(MODE) is unknown: use debug, release, asan or tsan)
endif
VERSION := 0.1
JOBS    := $(shell nproc)
CFLAGS  := -std=gnu11 -D_GNU_SOURCE -DDRVDOM_VERSION='"$(VERSION)"' -I. -I$(GEN) -I$(GEN)/include \
           -fno-strict-aliasing -fPIE -pthread $(WARN) $(flags.$(MODE)) $(EXTRA_CFLAGS)
LDFLAGS := -pie -pthread -Wl,-z,relro,-z,now $(filter -fsanitize=%,$(flags.$(MODE))) $(EXTRA_LDFLAGS)

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s %s\n' '$(1)' '$(2)')

.PHONY: all docs bins help deps check lint unit clean rig-list rig demo
all: bins
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:

# --- the schema compiler and what it makes ------------------------------------------------------
XS       := $(wildcard xenstore-schema/*.xs)
SCHEMAC  := build/host/schemac
XS_H     := $(XS:xenstore-schema/%.xs=$(GEN)/schema/%.h)
XS_C     := $(XS:xenstore-schema/%.xs=$(GEN)/schema/%.c)

$(SCHEMAC): $(wildcard xenstore-schema/schemac/*.[ch]) \
            $(foreach f,value.c value.h key.c key.h,xenstore-schema/$(f))
	$(call say,HOSTCC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -O1 -g -I. $(WARN) -o $@ $(filter %.c,$^)
$(XS_H): $(GEN)/schema/%.h: xenstore-schema/%.xs $(XS) $(SCHEMAC)
	$(call say,SCHEMA,$@)
	@mkdir -p $(@D)
	$(Q)$(SCHEMAC) c --header $< > $@
$(XS_C): $(GEN)/schema/%.c: xenstore-schema/%.xs $(XS) $(SCHEMAC)
	$(call say,SCHEMA,$@)
	@mkdir -p $(@D)
	$(Q)$(SCHEMAC) c --source $< > $@

# The reference of all keys, for people.
build/man/drvdom-schema.5 build/doc/xenstore.md: $(XS) $(SCHEMAC)
	$(call say,DOC,$@)
	@mkdir -p $(@D)
	$(Q)$(SCHEMAC) $(if $(filter %.md,$@),md,man) $(addprefix xenstore-schema/,$(XS_ORDER)) > $@
XS_ORDER := device.xs vbd.xs vif.xs driver-domain.xs
docs: build/man/drvdom-schema.5 build/doc/xenstore.md

# --- archives and programs -----------------------------------------------------------------------
objs = $(patsubst %.c,$(B)/obj/%.o,$(1))
room_src = $(filter-out %/main.c,$(wildcard $($(1).dir)/*.c)) $(if $(filter schema,$(1)),$(XS_C))

$(B)/obj/%.o: %.c Makefile | $(XS_H)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

define room_rule
$(1).objs := $$(call objs,$$(call room_src,$(1)))
$(B)/lib/$(1).a: $$($(1).objs)
	$$(call say,AR,$$@)
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(Q)ar rcsD $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call room_rule,$(r))))

libs_of = $(B)/lib/$(1).a $(foreach u,$($(1).uses),$(B)/lib/$(u).a)
# A program is built once its room has a main.c.
have = $(foreach p,$(PROGRAMS),$(if $(wildcard $($($(p).room).dir)/main.c),$(p)))
BINS := $(addprefix $(B)/bin/,$(have))
define prog_rule
$(B)/bin/$(1): $(B)/obj/$($($(1).room).dir)/main.o $(call libs_of,$($(1).room))
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$$(Q)$(CC) $(LDFLAGS) -o $$@ $$^ $($(1).libs)
endef
$(foreach p,$(PROGRAMS),$(eval $(call prog_rule,$(p))))

bins: $(BINS)

# --- unit tests: tests/unit/test_X.c, a libcheck program each ------------------------------------
# Under the thread sanitizer only those that have threads.
TESTS := $(if $(filter tsan,$(MODE)),base ring journal blk_queue blk_rmw blk_proto net_queue net_pace,*)
UNIT  := $(patsubst tests/unit/%.c,$(B)/test/%,$(wildcard $(TESTS:%=tests/unit/test_%.c)))
ALL_A := $(foreach r,tools guard init drvdomd image netfront blkfront front net blk schema xen base,$(B)/lib/$(r).a)
# Both frontends have the same names for the same things: a test gets one of them.
one_front = $(filter-out $(B)/lib/$(if $(findstring blkfront,$(1)),netfront,blkfront).a,$(ALL_A))
$(B)/test/%: $(B)/obj/tests/unit/%.o $(ALL_A)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< -Wl,--start-group $(call one_front,$@) -Wl,--end-group \
	    -lcheck -lsubunit -lrt -lm -luring -lseccomp -lkmod -llzma -lz -lzstd $(XENLIBS) -lxenctrl
# gcc 12's thread sanitizer knows fewer address layouts than today's kernels make: no randomising.
# Sanitizers are several times slower, and the machine may be busy.
PATIENCE := $(if $(filter asan tsan,$(MODE)),10,3)
RUN := $(if $(filter tsan,$(MODE)),setarch $(shell uname -m) -R)
unit: $(UNIT) $(SCHEMAC)
	@rm -f $(UNIT:=.failed); printf '%s\n' $(UNIT) | CK_VERBOSITY=normal CK_TIMEOUT_MULTIPLIER=$(PATIENCE) SCHEMAC=$(SCHEMAC) \
	    xargs -P $(JOBS) -I{} sh -c '$(RUN) {} >{}.log 2>&1 || touch {}.failed'
	@for t in $(UNIT); do sed -n 's/^\([0-9]*%: Checks.*\)/  UNIT     '"$$(basename $$t)"': \1/p' $$t.log; done; \
	for t in $(UNIT); do [ ! -e $$t.failed ] || { echo "--- $$t ($(MODE))"; cat $$t.log; failed=1; }; done; [ -z "$$failed" ]

# --- make check: what CI runs --------------------------------------------------------------------
.PHONY: check check-sanitized
check-sanitized:
	@$(MAKE) --no-print-directory -j$(JOBS) MODE=asan unit
	@$(MAKE) --no-print-directory -j$(JOBS) MODE=tsan unit
check:
	@start=$$(date +%s); set -e; \
	$(MAKE) --no-print-directory -j$(JOBS) MODE=release bins fakexen lint; \
	$(MAKE) --no-print-directory check-sanitized; \
	$(MAKE) --no-print-directory model; \
	$(MAKE) --no-print-directory MODE=release loop; \
	$(MAKE) --no-print-directory MODE=release evil-blk; \
	$(MAKE) --no-print-directory MODE=release evil-net; \
	$(MAKE) --no-print-directory fuzz FUZZ_SECONDS=10; \
	$(MAKE) --no-print-directory rig SCENARIO="$(CHECK_RIG)" ICOUNT=1; \
	echo "make check: all passed in $$(($$(date +%s) - start)) s"
CHECK_RIG := missing-disk

# --- lints ---------------------------------------------------------------------------------------
C_FILES   := $(shell git ls-files '*.c' '*.h' 2>/dev/null)
SH_FILES  := $(shell git ls-files 2>/dev/null | xargs -r grep -lE '^\#!/bin/(bash|sh)' 2>/dev/null)
.PHONY: print-layers lint lint-layers lint-headers lint-size lint-format lint-shell lint-xspath lint-man lint-tidy
print-layers:
	@$(foreach r,$(ROOMS),echo '$(r) $($(r).dir) $($(r).uses)';)
lint: lint-layers lint-headers lint-size lint-format lint-shell lint-xspath lint-man
lint-layers:
	@tests/lint/layers.sh
lint-headers: $(XS_H)
	@tests/lint/headers.sh
lint-man:
	@tests/lint/man.sh
lint-size:
	@tests/lint/size.sh
lint-format:
	@clang-format --dry-run -Werror $(C_FILES)
lint-shell:
	@shellcheck -x -e SC1091 $(SH_FILES)
lint-xspath: $(SCHEMAC)
	@SCHEMAC=$(SCHEMAC) tests/lint/xspath.sh
TIDY := $(filter-out tests/%,$(filter %.c,$(C_FILES)))
lint-tidy: $(XS_H)
	@printf '%s\n' $(TIDY) | xargs -P 2 -n 8 sh -c 'clang-tidy --quiet "$$@" -- -std=gnu11 -D_GNU_SOURCE \
	    -DDRVDOM_VERSION=\"0\" -I. -I$(GEN) -I$(GEN)/include 2>/dev/null' tidy

help:
	@sed -n 's/^## //p' Makefile
## make            build everything into build/$(MODE)   (MODE=debug|release|asan|tsan, V=1)
## make deps       install the Debian packages needed to build, check and run the rig (root)
## make check      lints, unit tests, sanitizer runs, one short scenario on real Xen in QEMU
## make demo       the whole thing on real Xen in QEMU: driver domain, guest, verified I/O, latencies
## make rig-list   list the rig's scenarios;   make rig SCENARIO=name   run one
## make bench-rig  kernel backends, QEMU qdisk and drvdom measured in the rig: BENCH="block-qd1 tcp" BACKENDS="kernel drvdom"
## make report     native Linux and other ways to share a machine, measured side by side: COLUMNS="native container"
## make fakexen    the local stand-in for Xen (tests/fakexen/fakexen);  make fakexen-check   its own tests
## make loop       whole backends on fakexen (root);   make evil-blk, evil-net  the catalogue of hostile frontends
## make nth-call   fail the n-th call into Xen or xenstore, for every n, under sanitizers
## make bench      figures on fakexen (root): drvdom-blkback against QEMU's qdisk, netback, and bare loops;   make mutants-blk  tests of the tests
## make unit       unit tests only;   make lint   lints only
## make model      Spin models of re-attach and of the ring's wake-ups, whole and broken;  model-full   larger
## make report-check  the pages of latency and of make report in headless Chromium (make deps-report)
## make fuzz       libFuzzer on what decodes peers' bytes, FUZZ_SECONDS=60 each
## make install    programs, manual, completion and units below $(PREFIX); MODE=release is meant
## make clean      remove build/
deps:
	@missing=; for p in $(DEPS); do \
	    dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; \
	done; \
	if [ -n "$$missing" ]; then \
	    [ "$$(id -u)" = 0 ] || { echo "make deps: must be root to install:$$missing" >&2; exit 1; }; \
	    echo "installing:$$missing"; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
	        --no-install-recommends $$missing >/dev/null; \
	fi

# --- the rig: real Xen in QEMU.  What runs there are release builds --------------------------------
# Driver domain images: build/image owns an NVMe disk and an e1000e (examples/drvdom.conf);
# build/image-test has disks in its own memory, for the scenarios without passthrough; build/image-stages
# has one behind dm-delay, build/image-4kn one of 4096-byte sectors; build/image-recovery and
# build/image-recovery-plain serve disks that outlive them, build/image-nbd can use NBD servers.
.PHONY: images demo
RIG_ROOT  := build/rig-cache/root
IMG_BUILD  = build/release/bin/drvdom image build --kernel-root $(RIG_ROOT) --bin build/release/bin
images:
	@$(MAKE) --no-print-directory -j$(JOBS) MODE=release bins
	@tests/rig/rig fetch
	$(Q)$(IMG_BUILD) --nic driver:e1000e --disk driver:nvme --config examples/drvdom.conf \
	    -o build/image >build/image.log || { cat build/image.log; exit 1; }
	$(Q)$(IMG_BUILD) --module null_blk --config tests/rig/test-domain.conf \
	    -o build/image-test >build/image-test.log || { cat build/image-test.log; exit 1; }
	$(Q)$(IMG_BUILD) --config tests/rig/stages-domain.conf \
	    -o build/image-stages >build/image-stages.log || { cat build/image-stages.log; exit 1; }
	$(Q)$(IMG_BUILD) --config tests/rig/4kn-domain.conf \
	    -o build/image-4kn >build/image-4kn.log || { cat build/image-4kn.log; exit 1; }
	$(Q)$(IMG_BUILD) --nic driver:e1000e --disk driver:nvme --config tests/rig/recovery.conf \
	    -o build/image-recovery >build/image-recovery.log || { cat build/image-recovery.log; exit 1; }
	$(Q)$(IMG_BUILD) --module xen-blkfront --config tests/rig/recovery-plain.conf \
	    -o build/image-recovery-plain >build/image-recovery-plain.log || { cat build/image-recovery-plain.log; exit 1; }
	$(Q)$(IMG_BUILD) --config tests/rig/nbd-domain.conf \
	    -o build/image-nbd >build/image-nbd.log || { cat build/image-nbd.log; exit 1; }
# Programs that are no drvdomd, for bad-upgrade-rolls-back.
images: fakexen build/rig-bad/exits build/rig-bad/hangs
build/rig-bad/%:
	@mkdir -p $(@D)
	$(Q)printf '#include <unistd.h>\nint main(void) { %s }\n' \
	    '$(if $(filter exits,$*),return 3;,for (;;) pause();)' | $(CC) -x c -o $@ -
rig-list:
	@tests/rig/rig list
# Kernel's backends, QEMU's qdisk and ours, measured in one run.  BENCH: parts, BACKENDS: whose.
.PHONY: bench-rig
bench-rig: images
	$(Q)$(IMG_BUILD) --module null_blk --module brd --config tests/rig/load/domain.conf \
	    -o build/image-load >build/image-load.log || { cat build/image-load.log; exit 1; }
	@tests/rig/load/run "$(BENCH)" "$(BACKENDS)"
# The middle ground of docs/middle-ground.md, measured.  COLUMNS: native, container ...; all when empty.
.PHONY: report
report: images
	@tests/rig/middle/run "$(COLUMNS)"
rig: images
	@[ -n "$(SCENARIO)" ] || { echo "make rig: say which: make rig SCENARIO=name (make rig-list)" >&2; exit 2; }
	@tests/rig/rig run $(SCENARIO) $(if $(ICOUNT),--icount)
demo: deps images
	@tests/rig/demo

# --- fakexen: Xen's libraries on one host, for loop tests -------------------------------------------
include tests/fakexen/fakexen.mk

# Whole backends, the shipped programs, in several domains (root).  evil-blk: the catalogue of hostile
# block frontends, at once under sanitizers and on the programs as they are, sandbox and all.
# drvdom-init's part, for those that need a drvdomd that comes back.
$(B)/test/keeper: $(B)/obj/tests/loop/keeper.o $(call libs_of,init)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lz
.PHONY: loop nth-call evil-blk evil-net mutants-blk mutants-net
# Minutes: each defence taken away in a copy of HEAD, and the catalogue must notice.
mutants-blk mutants-net:
	@tests/evil/mutants $(@:mutants-%=%)
# The longest first, and one more than there are processors: they wait a lot.
loop: bins fakexen $(B)/test/keeper
	@cd tests/loop && BIN=$(CURDIR)/$(B)/bin ../side-by-side $$(($(JOBS) + 1)) ./kill ./net-live './nth-call 150' ./blk-live ./net \
	    ./upgrade ./tools './leaks 20 6' ./crash-loop ./blk-features ./blk-media ./blk-4kn ./blk-nbd ./blk
# Every call failing once, under sanitizers: half an hour.
nth-call: fakexen
	@$(MAKE) --no-print-directory MODE=asan bins build/asan/test/keeper
	@BIN=build/asan/bin tests/loop/nth-call
# After 500 attaches and 100 kills everything is as before: minutes.
.PHONY: leaks
leaks: bins fakexen $(B)/test/keeper
	@BIN=$(B)/bin tests/loop/leaks 500 100
evil-blk evil-net: bins fakexen
	@$(MAKE) --no-print-directory MODE=asan bins
	@tests/side-by-side 2 $(foreach b,build/asan/bin $(B)/bin,'env BIN=$b tests/evil/$(@:evil-%=%).sh')

# The latency report in a browser, and the middle ground's: a made-up one, and what was measured if there is one.  Not in make check: Chromium is 300 MB (make deps-report).
.PHONY: report-check deps-report
deps-report:
	@$(MAKE) --no-print-directory deps DEPS=chromium
report-check: $(B)/test/test_latency
	@DRVDOM_REPORT=build/report.html $(B)/test/test_latency >/dev/null
	@tests/report/browser build/report.html
	@tests/report/middle
	@[ ! -e build/report/report.html ] || tests/report/browser build/report/report.html bars

# --- benchmarks: figures, never a pass or fail by time -----------------------------------------------
.PHONY: bench bench-qdisk bench-net bench-scale bench-limits bench-stages
bench: bench-limits bench-qdisk bench-net
# What no backend can beat here: bare copies, a bare io_uring, bare TAPs.
bench-limits:
	@$(MAKE) --no-print-directory MODE=release build/release/bench/limits
	@mkdir -p build/bench; truncate -s 64M build/bench-limits.img && \
	    build/release/bench/limits build/bench-limits.img >build/bench/limits; \
	    rc=$$?; rm -f build/bench-limits.img; cat build/bench/limits; exit $$rc
$(B)/bench/stamps: $(B)/obj/tests/bench/stamps.o $(B)/lib/base.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^
$(B)/bench/limits: $(B)/obj/tests/bench/limits.o $(B)/lib/base.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -luring
bench-qdisk: fakexen
	@$(MAKE) --no-print-directory -j$(JOBS) MODE=release bins
	@tests/bench/qdisk
bench-net: fakexen
	@$(MAKE) --no-print-directory -j$(JOBS) MODE=release bins
	@tests/bench/net
# What a device costs that nobody uses, in a driver domain of up to 64 guests.  Minutes.
bench-scale: fakexen
	@$(MAKE) --no-print-directory -j$(JOBS) MODE=release bins
	@tests/bench/scale
# What the stages of latency cost, against programs without them.
bench-stages: fakexen
	@$(MAKE) --no-print-directory -j$(JOBS) MODE=release bins build/release/bench/stamps
	@$(MAKE) --no-print-directory -j$(JOBS) MODE=release B=build/no-stages EXTRA_CFLAGS=-DDRVDOM_NO_STAGES bins
	@echo "a measured request costs $$(build/release/bench/stamps) ns more than one that is not"
	@tests/bench/stages build/release/bin build/no-stages/bin

# --- fuzzing: tests/fuzz/fuzz_X.c, libFuzzer, with the pure files it needs ------------------------
# FUZZ_SECONDS each, as many at a time as there are processors.  tests/fuzz/seeds/X is where X begins; what a
# run finds is kept in build/fuzz/X, and a crash leaves its input there, too.
.PHONY: fuzz
FUZZ         := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SECONDS ?= 60
fuzz_src.req := backends/blk/req.c
fuzz_src.tx  := backends/net/tx.c backends/net/headers.c
fuzz_src.rx  := backends/net/rx.c backends/net/headers.c backends/net/hash.c
fuzz_src.words := dom0-tools/guard/words.c transport/xen/blackbox.c transport/xen/journal.c
fuzz_src.ctrl := backends/net/ctrl.c backends/net/hash.c
fuzz_src.xenbus := transport/xen/xenbus.c
fuzz_src.value  := $(addprefix xenstore-schema/,access.c value.c key.c) $(XS_C) tests/fuzz/store.c
fuzz_src.front  := backends/blk/conn.c backends/blk/front.c backends/blk/nbd_addr.c $(wildcard backends/blk/target*.c) transport/base/log.c $(fuzz_src.value)
fuzz_libs.front := $(filter -lnbd,$(drvdomd.libs))
fuzz_libs.words := -lz
build/fuzz/fuzz_%: tests/fuzz/fuzz_%.c tests/fuzz/store.c Makefile $(XS_C) $(XS_H) $(wildcard backends/*/*.[ch] transport/*/*.[ch] xenstore-schema/*.[ch] dom0-tools/guard/words.*)
	$(call say,FUZZCC,$@)
	@mkdir -p $(@D)
	$(Q)clang -std=gnu11 -D_GNU_SOURCE -I. -I$(GEN) -O1 -g $(WARN) -Wno-format-nonliteral -fno-sanitize-recover=all \
	    -fsanitize=fuzzer,address,undefined -o $@ $< $(fuzz_src.$*) $(fuzz_libs.$*)
fuzz: $(FUZZ:%=build/fuzz/fuzz_%)
	@printf '%s\n' $(FUZZ) | xargs -P $(JOBS) -I{} tests/fuzz/run {} $(FUZZ_SECONDS)

# --- models: re-attach and wake-ups, searched by Spin for every crash point ------------------------
.PHONY: model model-full
model:
	@tests/model/run
model-full:
	@tests/model/run full

# --- install: PREFIX, DESTDIR -------------------------------------------------------------------
# All programs lie together, where `drvdom image build` takes them from; only drvdom is a command.
.PHONY: install
LIBDIR := $(PREFIX)/lib/drvdom
install: bins docs
	install -d $(addprefix $(DESTDIR),$(LIBDIR) $(PREFIX)/sbin $(PREFIX)/share/man/man5 $(PREFIX)/share/man/man8 \
	    $(PREFIX)/share/bash-completion/completions $(PREFIX)/lib/systemd/system $(PREFIX)/share/drvdom)
	install $(BINS) $(DESTDIR)$(LIBDIR)
	ln -sf $(LIBDIR)/drvdom $(DESTDIR)$(PREFIX)/sbin/drvdom
	install -m 644 build/man/drvdom-schema.5 docs/man/*.5 $(DESTDIR)$(PREFIX)/share/man/man5
	install -m 644 docs/man/*.8 $(DESTDIR)$(PREFIX)/share/man/man8
	install -m 644 dom0-tools/completion/drvdom.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/drvdom
	for u in drvdom@ drvdom-guard; do sed 's|/usr/local|$(PREFIX)|' dom0-tools/units/$$u.service \
	    >$(DESTDIR)$(PREFIX)/lib/systemd/system/$$u.service; done
	for u in drvdom drvdom-guard; do sed 's|/usr/local|$(PREFIX)|' dom0-tools/units/$$u.openrc \
	    >$(DESTDIR)$(PREFIX)/share/drvdom/$$u.openrc; chmod 755 $(DESTDIR)$(PREFIX)/share/drvdom/$$u.openrc; done

clean:
	rm -rf build

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
