# SPDX-License-Identifier: BSD-2-Clause
#
# The C library: the integer-only part of newlib, compiled from Debian's newlib-source with the
# hypervisor's own flags.
#
# newlib's own build offers no way to leave out its floating-point objects, which cannot be
# compiled for general registers only. So its configure is not run: newlib.h is made from its
# template with the few options below, and exactly the sources listed here are compiled. A
# function that is missing at link time is added to the list.
#
# Called by the top-level Makefile with NEWLIB (the output directory), NEWLIB_TARBALL, CC, AR and
# NEWLIB_CFLAGS. Leaves $(NEWLIB)/include and $(NEWLIB)/libc.a, which is complete once it exists.

MAKEFLAGS += -rR

src := $(NEWLIB)/src/newlib
inc := $(NEWLIB)/include

# What configure would put into newlib.h: all of C99's integer formats, none of its floating-point
# ones (NO_FLOATING_POINT is what newlib's --disable-newlib-io-float defines), no multibyte.
options := _WANT_IO_C99_FORMATS=1 _WANT_IO_LONG_LONG=1 _MB_LEN_MAX=1 HAVE_INITFINI_ARRAY=1 \
	_HAVE_LONG_DOUBLE=1 _HAVE_CC_INHIBIT_LOOP_TO_LIBCALL=1 _LITE_EXIT=1 \
	_WANT_USE_LONG_TIME_T=1

machine := memcpy.S memset.S setjmp.S
ctype   := ctype_.c isalnum.c isalpha.c isblank.c iscntrl.c isdigit.c islower.c \
	isprint.c ispunct.c isspace.c isupper.c isxdigit.c tolower.c toupper.c
errno   := errno.c
locale  := localeconv.c locale.c
reent   := impure.c
search  := bsearch.c qsort.c
stdio   := snprintf.c vsnprintf.c
stdlib  := abs.c atoi.c atol.c atoll.c calloc.c imaxabs.c itoa.c labs.c ldiv.c llabs.c \
	malloc.c mbtowc_r.c rand_r.c realloc.c sb_charsets.c strtoimax.c strtol.c strtoll.c \
	strtoul.c strtoull.c strtoumax.c utoa.c wctomb_r.c
string  := memccpy.c memchr.c memcmp.c memmem.c memmove.c mempcpy.c memrchr.c stpcpy.c \
	strcasecmp.c strcat.c strchr.c strchrnul.c strcmp.c strcpy.c strcspn.c strdup.c \
	strdup_r.c strerror.c strlcat.c strlcpy.c strlen.c strncasecmp.c strncat.c strncmp.c \
	strncpy.c strndup.c strndup_r.c strnlen.c strpbrk.c strrchr.c strsep.c strspn.c strstr.c \
	strtok_r.c u_strerr.c bzero.c explicit_bzero.c

# Sources that newlib compiles several times with a different part selected: object=source:define[:define].
parts := stdlib/mallocr.o=stdlib/mallocr.c:DEFINE_MALLOC \
	stdlib/freer.o=stdlib/mallocr.c:DEFINE_FREE \
	stdlib/callocr.o=stdlib/mallocr.c:DEFINE_CALLOC \
	stdlib/reallocr.o=stdlib/mallocr.c:DEFINE_REALLOC \
	stdlib/malignr.o=stdlib/mallocr.c:DEFINE_MEMALIGN \
	stdlib/mallinfor.o=stdlib/mallocr.c:DEFINE_MALLINFO \
	stdio/svfprintf.o=stdio/vfprintf.c:STRING_ONLY \
	stdio/svfiprintf.o=stdio/vfprintf.c:STRING_ONLY:INTEGER_ONLY

part_object = $(firstword $(subst =, ,$1))
part_source = $(word 2,$(subst :, ,$(subst =, ,$1)))
part_define = $(addprefix -D,$(wordlist 3,9,$(subst :, ,$(subst =, ,$1))))

listed := $(addprefix machine/x86_64/,$(machine)) \
	$(foreach d,ctype errno locale reent search stdio stdlib string,$(addprefix $d/,$($d)))

objs := $(addprefix $(NEWLIB)/obj/,$(addsuffix .o,$(basename $(listed))) \
	$(foreach p,$(parts),$(call part_object,$p)))

flags := $(NEWLIB_CFLAGS) -DINTERNAL_NEWLIB -DNO_FLOATING_POINT -D_COMPILING_NEWLIB -D_LIBC -w \
	-isystem $(inc) -I$(src)/libc/stdio -I$(src)/libc/locale -I$(src)/libc/stdlib

quiet = @printf '  %-7s %s\n' '$(1)' '$(2)';
ifeq ($(V),1)
quiet :=
endif

.PHONY: all
all: $(NEWLIB)/libc.a

$(NEWLIB)/libc.a: $(objs)
	$(call quiet,AR,newlib/libc.a) rm -f $@.tmp && $(AR) rcsD $@.tmp $(objs) && \
		rm -rf $(NEWLIB)/src $(NEWLIB)/obj && mv $@.tmp $@

$(objs): $(inc)/newlib.h

$(NEWLIB)/obj/%.o: $(src)/libc/%.c
	@mkdir -p $(@D)
	$(call quiet,CC,newlib/$*.o) $(CC) $(flags) -c -o $@ $<

$(NEWLIB)/obj/%.o: $(src)/libc/%.S
	@mkdir -p $(@D)
	$(call quiet,AS,newlib/$*.o) $(CC) $(flags) -c -o $@ $<

define part_rule
$(NEWLIB)/obj/$(1): $(src)/libc/$(2)
	@mkdir -p $$(@D)
	$$(call quiet,CC,newlib/$(1)) $(CC) $$(flags) $(3) -c -o $$@ $$<
endef
$(foreach p,$(parts),$(eval $(call part_rule,$(call part_object,$p),$(call part_source,$p),$(call \
	part_define,$p))))

sources := $(listed) $(sort $(foreach p,$(parts),$(call part_source,$p)))
$(addprefix $(src)/libc/,$(sources)): $(NEWLIB)/src/.unpacked ;

$(NEWLIB)/src/.unpacked: $(NEWLIB_TARBALL)
	$(call quiet,UNPACK,$(notdir $<)) rm -rf $(@D) && mkdir -p $(@D) && \
		tar -xf $< -C $(@D) --strip-components=1 --wildcards '*/newlib/libc/*' \
			'*/newlib/newlib.hin' '*/newlib/_newlib_version.hin' \
			'*/newlib/configure' && touch $@

# The headers, with those of the machine over the common ones, as newlib's install does.
$(inc)/newlib.h: $(NEWLIB)/src/.unpacked
	$(call quiet,HEADERS,newlib) rm -rf $(inc) && mkdir -p $(inc) && \
		cp -r $(src)/libc/include/. $(inc)/ && \
		cp -r $(src)/libc/machine/x86_64/sys $(inc)/ && \
		version=$$(sed -n "s/^PACKAGE_VERSION='\(.*\)'/\1/p" $(src)/configure) && \
		sed -e "s/#undef _NEWLIB_VERSION/#define _NEWLIB_VERSION \"$$version\"/" \
			$(src)/_newlib_version.hin >$(inc)/_newlib_version.h && \
		sed $(foreach o,$(options),-e 's/^#undef *$(firstword $(subst =, ,$o))$$/$(strip \
			)#define $(subst =, ,$o)/') $(src)/newlib.hin >$@
