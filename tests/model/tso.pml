/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory as x86 processors see it (SDM 3A 9.2; Owens, Sarkar, Sewell, "A better x86 memory model:
 * x86-TSO"): a store goes into its processor's buffer, from which it reaches memory some time
 * later, in order; a full barrier and a locked instruction wait until the buffer is empty. No
 * model reads a word back while its own store may be in the buffer, so there is no forwarding.
 *
 * The includer defines PROCESSORS and WORDS, and runs drain(p) for each processor.
 */
#define BUFFER 2

byte mem[WORDS];
chan buffer[PROCESSORS] = [BUFFER] of { byte, byte };

#define store(p, word, value)	buffer[p]!word,value
#define load(word)		mem[word]
#define mb(p)			empty(buffer[p])
#define locked(p, what)		atomic { empty(buffer[p]); what }

proctype drain(byte p)
{
	byte word, value;

end:	do
	:: atomic { buffer[p]?word,value -> mem[word] = value }
	od
}
