package bls

import (
	"encoding/binary"
	"math/bits"
)

// element is an element a of the base field as herumi's library keeps it: a * 2^384 mod p (Montgomery form), fully
// reduced, 64-bit limbs, the lowest first. The form is unique, so == compares values.
type element [6]uint64

var (
	// modulus is p, the order of the base field.
	modulus = element{0xb9feffffffffaaab, 0x1eabfffeb153ffff, 0x6730d2a0f6b0f624, 0x64774b84f38512bf, 0x4b1ba7b6434bacd7, 0x1a0111ea397fe69a}
	// halfModulus is (p-1)/2.
	halfModulus = element{0xdcff7fffffffd555, 0x0f55ffff58a9ffff, 0xb39869507b587b12, 0xb23ba5c279c2895f, 0x258dd3db21a5d66b, 0x0d0088f51cbff34d}
	// montgomeryOne is 2^384 mod p.
	montgomeryOne = element{0x760900000002fffd, 0xebf4000bc40c0002, 0x5f48985753c758ba, 0x77ce585370525745, 0x5c071a97a256ec6d, 0x15f65ec3fa80e493}
)

// modulusInverse is -1/p mod 2^64.
const modulusInverse = 0x89f3fffcfffcfffd

// canonical takes an element out of Montgomery form: its value as limbs, the lowest first.
func (e *element) canonical() element {
	t := *e
	for range t {
		// Adding m*p clears the lowest limb, which is then shifted out: a division by 2^64 mod p.
		// No sum below overflows: m*p[j] + carry + t[j] < 2^128.
		m := t[0] * modulusInverse
		carry, lo := bits.Mul64(m, modulus[0])
		_, c := bits.Add64(t[0], lo, 0)
		carry += c
		for j := 1; j < len(t); j++ {
			hi, lo := bits.Mul64(m, modulus[j])
			lo, c = bits.Add64(lo, carry, 0)
			hi += c
			t[j-1], c = bits.Add64(t[j], lo, 0)
			carry = hi + c
		}
		t[5] = carry
	}
	if !t.less(&modulus) {
		t.sub(&modulus)
	}
	return t
}

// sub subtracts limbs as integers; o is at most e.
func (e *element) sub(o *element) {
	var b uint64
	for i := range e {
		e[i], b = bits.Sub64(e[i], o[i], b)
	}
}

// less compares limbs as integers.
func (e *element) less(o *element) bool {
	var b uint64
	for i := range e {
		_, b = bits.Sub64(e[i], o[i], b)
	}
	return b == 1
}

// putBigEndian writes limbs as 48 bytes.
func (e *element) putBigEndian(b []byte) {
	for i := range e {
		binary.BigEndian.PutUint64(b[40-8*i:], e[i])
	}
}

// setBigEndian reads limbs from 48 bytes.
func (e *element) setBigEndian(b []byte) {
	for i := range e {
		e[i] = binary.BigEndian.Uint64(b[40-8*i:])
	}
}
