// Printable writes the table of go-trace-format/src/dump/printable.rs: which runes the running toolchain's
// strconv.Quote leaves as they are.
//
//	go run go-trace-format/src/dump/printable.go > go-trace-format/src/dump/printable.rs
//	cargo fmt -p go-trace-format
package main

import (
	"fmt"
	"hash/fnv"
	"runtime"
	"strconv"
	"unicode"
	"unicode/utf8"
)

func main() {
	var flips []rune
	printable := false
	count, checksum := 0, fnv.New64a()
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if strconv.IsPrint(r) != printable {
			printable = !printable
			flips = append(flips, r)
		}
		if !utf8.ValidRune(r) {
			continue
		}
		bit := byte(0)
		if printable {
			count, bit = count+1, 1
		}
		checksum.Write([]byte{bit})
	}
	fmt.Printf("//! Which characters Go prints as they are: `strconv.IsPrint` of %s, Unicode %s.\n", runtime.Version(), unicode.Version)
	fmt.Print("//!\n//! Written by `printable.go` beside this file.\n\n")
	fmt.Print("/// Whether Go's `%q` leaves the character as it is.\n")
	fmt.Print("pub(super) fn is_printable(character: char) -> bool {\n")
	fmt.Print("FLIPS.partition_point(|&flip| flip <= u32::from(character)) % 2 == 1\n}\n\n")
	fmt.Print("/// The code points at which printable ones begin and end, in turn.\n")
	fmt.Printf("static FLIPS: [u32; %d] = [", len(flips))
	for _, r := range flips {
		fmt.Printf("%d, ", r)
	}
	fmt.Print("];\n\n#[cfg(test)]\nmod tests {\nuse super::*;\n\n")
	fmt.Print("#[test]\nfn every_character_is_printable_where_go_says_so() {\n")
	fmt.Print("// FNV-1a over one byte per character, 1 for printable.\nlet mut checksum = 0xcbf2_9ce4_8422_2325_u64;\nlet mut count = 0;\n")
	fmt.Print("for character in '\\0'..=char::MAX {\nlet printable = is_printable(character);\ncount += u32::from(printable);\n")
	fmt.Print("checksum = (checksum ^ u64::from(printable)).wrapping_mul(0x0100_0000_01b3);\n}\n")
	fmt.Printf("assert_eq!(count, %d);\nassert_eq!(checksum, %#x);\n}\n}\n", count, checksum.Sum64())
}
