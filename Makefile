# SPDX-License-Identifier: BSD-2-Clause
#
# Ringvisor's build. `make help` lists the targets.
#
# Each directory's Makefile lists its objects (obj-y += x.o, obj-$(CONFIG_X) += y.o) and
# subdirectories (obj-y += vmx/); they are all included here, so that one make sees the whole
# graph. Nothing is written outside $(O), which is `build` unless given.

ifneq ($(words $(CURDIR)),1)
$(error the path of the source tree must not contain spaces: $(CURDIR))
endif

MAKEFLAGS += -rR
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
export LC_ALL := C

O ?= build
override O := $(patsubst %/,%,$(O))
V ?= 0

# ---- Tools ----

CROSS_COMPILE ?= x86_64-linux-gnu-
BINUTILS      := $(CROSS_COMPILE)
ifeq ($(LLVM),1)
BINUTILS := llvm-
CC       := clang
LD       := ld.lld
else
LD       := $(CROSS_COMPILE)ld
ifneq ($(filter default undefined,$(origin CC)),)
CC       := $(CROSS_COMPILE)gcc
endif
endif
AR      := $(BINUTILS)ar
NM      := $(BINUTILS)nm
OBJCOPY := $(BINUTILS)objcopy
OBJDUMP := $(BINUTILS)objdump
SIZE    := $(BINUTILS)size
PYTHON  ?= python3
READELF := $(BINUTILS)readelf
export OBJCOPY OBJDUMP READELF

# At the head of a recipe line: one short line instead of the command, unless V=1.
ifneq ($(V),1)
say = @printf '  %-7s %s\n' '$(1)' '$(patsubst $(O)/%,%,$(2))';
endif

# ---- Configuration (kconfig-frontends) ----

config-goals := menuconfig nconfig oldconfig defconfig olddefconfig savedefconfig %_defconfig
other-goals  := $(config-goals) help clean distclean bundle format format-check \
	check check-full run packages guest-linux
need-config  := $(filter-out $(other-goals),$(or $(MAKECMDGOALS),all))
ifneq ($(and $(need-config),$(filter $(config-goals),$(MAKECMDGOALS))),)
$(error configure first, then make $(need-config))
endif

# kconfig-conf writes its bookkeeping where it runs and finds the Kconfig files by $srctree.
kconfig = { command -v kconfig-conf >/dev/null || { echo >&2 \
	'kconfig-conf is missing: apt-get install kconfig-frontends-nox'; exit 1; }; } && \
	mkdir -p $(O)/include/config $(O)/include/generated && cd $(O) && \
	export srctree=$(CURDIR) KCONFIG_CONFIG=.config \
		KCONFIG_AUTOCONFIG=include/config/auto.conf \
		KCONFIG_AUTOHEADER=include/generated/autoconf.h \
		KCONFIG_TRISTATE=include/config/tristate.conf &&

ifneq ($(need-config),)
include $(O)/include/config/auto.conf
endif

$(O)/.config:
	$(call say,CONFIG,configs/defconfig) $(kconfig) \
		kconfig-conf --defconfig=$(CURDIR)/configs/defconfig $(CURDIR)/Kconfig >/dev/null

$(O)/include/config/auto.conf: $(O)/.config $(wildcard Kconfig */Kconfig */*/Kconfig)
	$(call say,CONFIG,$@) $(kconfig) \
		kconfig-conf --olddefconfig $(CURDIR)/Kconfig >/dev/null && \
		kconfig-conf --silentoldconfig $(CURDIR)/Kconfig >/dev/null && \
		touch include/config/auto.conf

$(O)/include/generated/autoconf.h: $(O)/include/config/auto.conf ;

.PHONY: menuconfig nconfig oldconfig olddefconfig savedefconfig
menuconfig:
	@$(kconfig) kconfig-mconf $(CURDIR)/Kconfig

nconfig:
	@$(kconfig) kconfig-nconf $(CURDIR)/Kconfig

oldconfig olddefconfig:
	@$(kconfig) kconfig-conf --$@ $(CURDIR)/Kconfig

savedefconfig:
	@$(kconfig) kconfig-conf --savedefconfig=defconfig $(CURDIR)/Kconfig

defconfigs := $(filter %defconfig,$(MAKECMDGOALS))
.PHONY: $(filter-out savedefconfig olddefconfig,$(defconfigs))
$(filter-out savedefconfig olddefconfig,$(defconfigs)):
	@test -f configs/$@ || { echo >&2 "no configs/$@; there are:" $(notdir \
		$(wildcard configs/*defconfig)); exit 1; }
	@$(kconfig) kconfig-conf --defconfig=$(CURDIR)/configs/$@ $(CURDIR)/Kconfig

# ---- Flags ----

ifneq ($(need-config),)
compiler := $(CC) $(shell $(CC) --version 2>/dev/null | head -n 1)
compiler-include := $(shell $(CC) -print-file-name=include 2>/dev/null)
ifeq ($(compiler-include),)
$(error $(CC) is missing: apt-get install gcc binutils, or set CROSS_COMPILE or CC)
endif
endif

# The hypervisor is no Linux program, whatever the compiler's target says.
target-flags := $(foreach m,linux __linux __linux__ __gnu_linux__ unix __unix __unix__,-U$(m))
ifneq ($(findstring clang,$(notdir $(firstword $(CC)))),)
target-flags := --target=x86_64-unknown-none-elf -Wno-unused-command-line-argument
endif

# No red zone: exceptions push on the running stack. General registers only: guests own the FPU.
arch-flags := $(target-flags) -m64 -march=x86-64 -mno-red-zone -mgeneral-regs-only \
	-mcmodel=kernel -fno-pic -fno-pie -fno-asynchronous-unwind-tables -fno-omit-frame-pointer \
	-fstack-protector-strong -mstack-protector-guard=global -fno-strict-aliasing \
	-fno-delete-null-pointer-checks -ffunction-sections -fdata-sections -fno-common \
	-fcf-protection=none -nostdinc $(addprefix -isystem ,$(compiler-include))

warnings := -Wall -Wextra -Werror -Wundef -Wvla -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wwrite-strings -Wpointer-arith -Wno-unused-parameter \
	-Wno-missing-field-initializers

# The C library, tools/newlib.mk. Each set of flags has its own folder in the cache, which several
# builds may share.
NEWLIB_TARBALL ?= $(lastword $(sort $(wildcard /usr/src/newlib/newlib-*.tar.xz \
	/usr/src/newlib-*.tar.xz)))
NEWLIB_CACHE ?= $(O)/newlib
newlib-flags := -std=gnu11 -O2 -fno-builtin $(arch-flags)
newlib := $(NEWLIB_CACHE:%/=%)/$(if $(need-config),$(shell { cat tools/newlib.mk; \
	echo '$(compiler) $(notdir $(NEWLIB_TARBALL)) $(newlib-flags)'; } | sha256sum | cut -c 1-8))

# The same bytes wherever the tree and the outputs are.
prefix-map := $(foreach d,$(CURDIR) $(sort $(O) $(abspath $(O)) $(newlib) $(abspath $(newlib))),$(strip \
	)-ffile-prefix-map=$(d)=.)

cppflags := -isystem $(newlib)/include -iquote . -iquote arch/x86 -iquote $(O)/include \
	-include $(O)/include/generated/autoconf.h -D__RINGVISOR__
# newlib's memcpy() goes past the cache for 256 bytes and more and moves short rests byte by byte;
# gcc has code of its own for copies of any length: by words, the last of which may overlap.
ifeq ($(findstring clang,$(notdir $(firstword $(CC)))),)
string-flags := -minline-all-stringops -mmemcpy-strategy=rep_8byte:-1:noalign \
	-mmemset-strategy=rep_8byte:-1:noalign
endif
cflags   := -std=gnu11 -O2 $(string-flags) $(if $(CONFIG_DEBUG_INFO),-g) $(arch-flags) $(warnings) $(prefix-map)
aflags   := $(if $(CONFIG_DEBUG_INFO),-g) $(arch-flags) $(prefix-map)
ldflags  := -m elf_x86_64 -nostdlib -static --gc-sections -z max-page-size=4096 \
	-z noexecstack --build-id=none

# The objects are gcc's intermediate code, which becomes machine code all at once: $(O)/ringvisor.o.
# Its symbols are named after a random number unless there is a seed. Inlining as with -O3: there is
# more of it to be had, and a packet goes through a hundred functions.
ifeq ($(CONFIG_LTO),y)
ifeq ($(findstring clang,$(notdir $(firstword $(CC)))),)
lto-flags = -flto=auto -fno-fat-lto-objects -frandom-seed=$(@:$(O)/%=%) \
	--param=max-inline-insns-auto=30 --param=inline-min-speedup=15
endif
endif

# $(call remember,TEXT): the recipe of a file that changes only when TEXT does.
remember = @mkdir -p $(@D); echo '$(1)' | cmp -s - $@ || echo '$(1)' >$@

# Everything is made again when a tool or a flag changes.
$(O)/.flags: FORCE
	$(call remember,$(compiler) $(cppflags) $(cflags) $(lto-flags) $(LD) $(ldflags))

# ---- Objects ----

top-dirs := boot/ arch/x86/ kernel/ drivers/ virtio/ net/

objects :=

# $(call read-dir,dir/): its objects go to `objects`, its subdirectories are read likewise.
define read-dir
obj-y :=
include $(1)Makefile
objects += $$(addprefix $(1),$$(filter %.o,$$(obj-y)))
subdirs-$(1) := $$(addprefix $(1),$$(filter %/,$$(obj-y)))
$$(foreach d,$$(subdirs-$(1)),$$(eval $$(call read-dir,$$(d))))
endef

ifneq ($(need-config),)
$(foreach d,$(top-dirs),$(eval $(call read-dir,$(d))))
endif
objs := $(addprefix $(O)/,$(objects))

-include $(objs:.o=.d)

# One object by its name: make kernel/log.o
.PHONY: $(objects)
$(objects): %.o: $(O)/%.o

# Which of the generated headers an object needs is in its .d file.
prepare := $(O)/.flags | $(newlib)/libc.a $(O)/include/generated/autoconf.h \
	$(O)/include/generated/version.h

$(O)/%.o: %.c $(prepare)
	@mkdir -p $(@D)
	$(call say,CC,$@) $(CC) $(cppflags) $(cflags) $(lto-flags) -MMD -MP -c -o $@ $<

$(O)/%.o: %.S $(prepare)
	@mkdir -p $(@D)
	$(call say,AS,$@) $(CC) $(cppflags) $(aflags) -MMD -MP -c -o $@ $<

$(O)/%.lds: %.lds.S $(O)/.flags $(O)/include/generated/autoconf.h
	@mkdir -p $(@D)
	$(call say,LDS,$@) $(CC) -E -P $(cppflags) $(aflags) -x assembler-with-cpp \
		-MMD -MP -MT $@ -MF $(@:.lds=.lds.d) -o $@ $<

-include $(O)/arch/x86/ringvisor.lds.d

$(O)/include/generated/version.h: $(O)/.config FORCE
	@mkdir -p $(@D)
	@tools/version.sh $(O)/.config >$@.tmp && { cmp -s $@.tmp $@ && rm $@.tmp || \
		{ printf '  %-7s %s\n' GEN include/generated/version.h; mv $@.tmp $@; }; }

# ---- The C library ----

$(newlib)/libc.a:
	@test -n '$(NEWLIB_TARBALL)' || { echo >&2 \
		'the source of newlib is missing: apt-get install newlib-source'; exit 1; }
	@mkdir -p $(newlib)
	+@flock $(newlib) sh -c 'test -f $@ || $(MAKE) --no-print-directory -f tools/newlib.mk \
		NEWLIB=$(newlib) V=$(V) CC="$(CC)" AR="$(AR)" NEWLIB_TARBALL=$(NEWLIB_TARBALL) \
		NEWLIB_CFLAGS="$(newlib-flags)"'

# ---- The image ----

image := $(O)/ringvisor.elf
whole := $(if $(lto-flags),$(O)/ringvisor.o,$(objs))
lds   := $(O)/arch/x86/ringvisor.lds
link   = $(LD) $(ldflags) -T $(lds) -Map $(O)/ringvisor.map -o $(1) $(whole) $(2) $(newlib)/libc.a

.PHONY: all
all: $(image)

# gcc calls make for the parts, and has no use for what this one would tell it.
$(O)/ringvisor.o: $(objs)
	$(call say,LTO,$@) MAKEFLAGS= $(CC) $(cflags) $(lto-flags) -r -flinker-output=nolto-rel \
		-nostdlib -Wl,-z,noexecstack -o $@ $(objs)

# Linked twice: the table of text symbols needs the addresses of the first link, and does not move
# them, since the text lies before it.
$(image): $(whole) $(lds) $(newlib)/libc.a tools/ksyms.py
	@$(PYTHON) tools/ksyms.py </dev/null >$(O)/.ksyms0.S
	@$(CC) $(aflags) -c -o $(O)/.ksyms0.o $(O)/.ksyms0.S
	@$(call link,$(O)/.ringvisor0.elf,$(O)/.ksyms0.o)
	@$(NM) -n $(O)/.ringvisor0.elf | $(PYTHON) tools/ksyms.py >$(O)/.ksyms.S
	@$(CC) $(aflags) -c -o $(O)/.ksyms.o $(O)/.ksyms.S
	$(call say,LD,$@) $(call link,$@,$(O)/.ksyms.o)
	@rm -f $(O)/.ringvisor0.elf

# ---- Boot media ----

BUNDLE ?= $(O)/bundle.cpio
OUT    ?= $(O)/bundle.cpio
ISO    ?= $(O)/ringvisor.iso

.PHONY: bundle iso
bundle:
	@test -n '$(DIR)' || { echo >&2 'usage: make bundle DIR=folder [OUT=file.cpio]'; exit 1; }
	@test -d '$(DIR)' || { echo >&2 'bundle: $(DIR): no such folder'; exit 1; }
	@mkdir -p $(dir $(OUT))
	$(call say,BUNDLE,$(OUT)) $(PYTHON) tools/bundle.py $(DIR) $(OUT)

iso: $(image)
	@test -z '$(BUNDLE)' -o -f '$(BUNDLE)' -o '$(origin BUNDLE)' = file || \
		{ echo >&2 'iso: $(BUNDLE): no such boot archive (make bundle)'; exit 1; }
	@test -z '$(BUNDLE)' -o -f '$(BUNDLE)' || echo 'iso: no $(BUNDLE): without a boot archive'
	$(call say,ISO,$(ISO)) tools/mkiso.sh $(image) '$(wildcard $(BUNDLE))' $(ISO) \
		$(CONFIG_SERIAL_PORT) $(CONFIG_SERIAL_BAUD) '$(CMDLINE)'

# ---- Tools for the developer ----

.PHONY: compile_commands.json check-image format format-check
compile_commands.json: $(O)/compile_commands.json
$(O)/compile_commands.json: FORCE
	@mkdir -p $(@D)
	$(call say,GEN,$@) $(PYTHON) tools/compile_commands.py $(CC) $(O) $(objects) -- \
		$(cppflags) $(cflags) >$@

check-image: $(image)
	$(call say,CHECK,$<) tools/check_image.sh $<

style-files = $(or $(shell git ls-files '*.c' '*.h' '*.S' 2>/dev/null), \
	$(shell find $(top-dirs) arch/host tests -name '*.[chS]'))
format:
	git clang-format

format-check:
	@$(PYTHON) tools/check_style.py $(style-files)

.PHONY: clean distclean help FORCE
clean:
	rm -rf $(addprefix $(O)/,arch boot drivers kernel net virtio tests vhost vhost-san) $(O)/ringvisor.* \
		$(O)/ringvisor-vhost* \
		$(O)/.ksyms* $(O)/.flags

distclean:
	rm -rf $(O)

help:
	@sed -n 's/^#= \(.*\)/  \1/p' Makefile arch/host/Makefile $(wildcard tests/Makefile tests/*/Makefile)

#= all                 build $(O)/ringvisor.elf (the default)
#= iso                 a GRUB ISO for BIOS and UEFI, with BUNDLE=file.cpio as its boot archive
#= bundle DIR=folder   pack a folder with ringvisor.conf into a boot archive, OUT=file.cpio
#= menuconfig nconfig  change the configuration in a menu
#= defconfig           the default configuration; NAME_defconfig: that of configs/
#= oldconfig           ask for new options only; olddefconfig: take their defaults
#= savedefconfig       write what differs from the defaults to $(O)/defconfig
#= check-image         no floating point, no writable code, size within bounds
#= compile_commands.json  for clangd and clang-tidy, in $(O)
#= format              apply .clang-format to the lines changed since the last commit
#= format-check        check the house style: widths, tabs, lengths of functions and files
#= clean distclean     remove the objects; remove $(O) altogether

include arch/host/Makefile
ifneq ($(wildcard tests/Makefile),)
include tests/Makefile
endif
