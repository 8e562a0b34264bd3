# fakexen: included by the Makefile.  Everything goes to build/fakexen, whatever MODE is: the fake is
# part of the tests' ground, not of what they test.
FX      := build/fakexen
FX_DIR  := tests/fakexen
FX_CF   := -std=gnu11 -D_GNU_SOURCE -I. -O2 -g -fPIC -pthread $(WARN)
FX_LIBS := libxengnttab.so.1 libxenevtchn.so.1 libxenforeignmemory.so.1 libxencall.so.1
FX_HDR  := $(wildcard $(FX_DIR)/*.h $(FX_DIR)/*/*.h)
FX_BINS := fakexend xenbus fakexenctl

fx.libxengnttab.so.1        := gnttab gntcopy gntshr dmabuf
fx.libxenevtchn.so.1        := evtchn
fx.libxenforeignmemory.so.1 := foreign
fx.libxencall.so.1          := call

.PHONY: fakexen
fakexen: $(addprefix $(FX)/lib/,$(FX_LIBS)) $(FX)/lib/libfakexen-proc.so $(addprefix $(FX)/,$(FX_BINS)) \
         $(FX)/conf $(FX)/smoke $(FX)/torture

$(FX)/obj/%.o: $(FX_DIR)/%.c $(FX_HDR) $(FX_DIR)/fakexen.mk
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(FX_CF) -c -o $@ $<

# One copy of the connection, whichever of the libraries a program has.
$(FX)/lib/libfakexen.so: $(FX)/obj/lib/client.o $(FX)/obj/lib/fault.o
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -shared -pthread -Wl,-soname,libfakexen.so -o $@ $^

define fx_lib
$(FX)/lib/$(1): $(fx.$(1):%=$(FX)/obj/lib/%.o) $(FX)/lib/libfakexen.so $(FX_DIR)/lib/$(1:.so.1=.map)
	$$(call say,LD,$$@)
	$$(Q)$(CC) -shared -pthread -Wl,-soname,$(1) -Wl,--version-script=$(FX_DIR)/lib/$(1:.so.1=.map) \
	    -Wl,-rpath,'$$$$ORIGIN' -Wl,-z,defs -o $$@ $$(filter %.o,$$^) -L$(FX)/lib -l:libfakexen.so \
	    -lxentoolcore
endef
$(foreach l,$(FX_LIBS),$(eval $(call fx_lib,$(l))))

$(FX)/lib/libfakexen-proc.so: $(FX)/obj/lib/proc.o $(FX)/lib/libfakexen.so
	$(call say,LD,$@)
	$(Q)$(CC) -shared -Wl,-rpath,'$$ORIGIN' -o $@ $< -L$(FX)/lib -l:libfakexen.so -ldl

$(FX)/fakexend: $(patsubst $(FX_DIR)/%.c,$(FX)/obj/%.o,$(wildcard $(FX_DIR)/hv/*.c))
	$(call say,LD,$@)
	$(Q)$(CC) -pthread -o $@ $^

# The domain's side of xenstore, a program of its own; it uses the fake libraries like any other.
$(FX)/xenbus: $(patsubst $(FX_DIR)/%.c,$(FX)/obj/%.o,$(wildcard $(FX_DIR)/xenbus/*.c)) \
              | $(addprefix $(FX)/lib/,$(FX_LIBS))
	$(call say,LD,$@)
	$(Q)$(CC) -pthread -Wl,-rpath,'$$ORIGIN/lib' -o $@ $^ -L$(FX)/lib -l:libfakexen.so

$(FX)/fakexenctl: $(patsubst $(FX_DIR)/%.c,$(FX)/obj/%.o,$(wildcard $(FX_DIR)/ctl/*.c)) \
                  | $(addprefix $(FX)/lib/,$(FX_LIBS))
	$(call say,LD,$@)
	$(Q)$(CC) -pthread -Wl,-rpath,'$$ORIGIN/lib' -o $@ $^ -L$(FX)/lib -l:libfakexen.so -lxenstore

# Linked against Debian's libraries and nothing else: they also run on Xen.
fx.conf  := conf copy evtchn peer
fx.smoke := smoke peer
fx.torture := torture peer
$(FX)/obj/conformance/%.o: tests/conformance/%.c $(wildcard tests/conformance/*.h)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(FX_CF) -c -o $@ $<
define fx_conf
$(FX)/$(1): $(fx.$(1):%=$(FX)/obj/conformance/%.o)
	$$(call say,LD,$$@)
	$$(Q)$(CC) -pthread -o $$@ $$^ -lxengnttab -lxenevtchn
endef
$(foreach p,conf smoke torture,$(eval $(call fx_conf,$(p))))

.PHONY: fakexen-check
fakexen-check: fakexen
	@tests/fakexen/check

# The least a frontend can be, for loop tests of whole backends.
$(FX)/blkraw: tests/loop/blkraw.c
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(FX_CF) -Wno-sign-conversion -o $@ $< -lxengnttab -lxenevtchn -lxenstore
fakexen: $(FX)/blkraw
