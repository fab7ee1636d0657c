package snapshots

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// longest is more than the number of digits of any integer of 64 bits.
const longest = 24

// digits reads an integer as JSON writes it and returns the place behind it, or 0 when there is none, one that might not
// fit 64 bits, or one that may go on behind the text.
func digits(text []byte, i int) (n uint64, end int) {
	if len(text)-i < longest {
		return 0, 0
	}
	number := text[i : i+longest]
	n, length := eightDigits(binary.LittleEndian.Uint64(number))
	if length == 8 && number[8]-'0' <= 9 {
		next, more := eightDigits(binary.LittleEndian.Uint64(number[8:]))
		n, length = n*powersOfTen[more]+next, 8+more
		if more == 8 {
			next, more := eightDigits(binary.LittleEndian.Uint64(number[16:]))
			n, length = n*powersOfTen[more]+next, 16+more
		}
	}
	if length == 0 || length > 19 || length > 1 && number[0] == '0' {
		return 0, 0
	}
	return n, i + length
}

var powersOfTen = [...]uint64{1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8}

// shortNumber reads an integer of 32 bits like digits, digit by digit: it has one or two in most cases.
func shortNumber(text []byte, i int) (n uint64, end int) {
	if len(text)-i < longest || text[i] == '0' {
		n, end = digits(text, i)
	} else {
		for end = i; text[end]-'0' <= 9 && end-i < 11; end++ {
			n = n*10 + uint64(text[end]-'0')
		}
	}
	if end == i || n > math.MaxUint32 {
		return 0, 0
	}
	return n, end
}

// digitsBefore reads an integer like digits where it is expected to end. It fails where the text up to there is no integer, or
// has more than eight digits; whether the integer goes on is left to see.
func digitsBefore(text []byte, i, end int) (n uint64, ok bool) {
	count := end - i
	if len(text)-i < longest || count < 1 || count > 8 {
		return 0, false
	}
	characters := binary.LittleEndian.Uint64(text[i:])
	chunk := (characters ^ zeros) << (64 - 8*count)
	if others(chunk) != 0 || characters&0xff == '0' && count > 1 {
		return 0, false
	}
	return valueOf(chunk), true
}

// eightDigits reads the number that the first of eight characters are, and counts its digits.
func eightDigits(characters uint64) (n uint64, count int) {
	chunk := characters ^ zeros
	count = bits.TrailingZeros64(others(chunk)) / 8
	return valueOf(chunk << (64 - 8*count)), count
}

// zeros are eight digits. Without their bits a digit is its value.
const zeros = 0x3030303030303030

// others has a bit for each of eight characters without the bits of zeros that is no digit: adding 0x76 sets the top bit of
// whatever is more than 9.
func others(chunk uint64) uint64 { return (chunk + 0x7676767676767676 | chunk) & 0x8080808080808080 }

// valueOf is the number that eight digits are, the values of which stand in the bytes of chunk from the lowest on.
func valueOf(chunk uint64) uint64 {
	chunk = chunk*10 + chunk>>8
	return (chunk&0x000000ff000000ff*0x000f424000000064 + chunk>>16&0x000000ff000000ff*0x0000271000000001) >> 32
}

// add adds to the number at the end of text. It fails when the number gets longer, and has changed it then.
func add(text []byte, n uint64) bool {
	for i := len(text) - 1; i >= 0 && '0' <= text[i] && text[i] <= '9'; i-- {
		if n += uint64(text[i] - '0'); n < 10 {
			text[i] = '0' + byte(n)
			return true
		}
		text[i] = '0' + byte(n%10)
		n /= 10
	}
	return false
}
